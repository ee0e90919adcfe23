-- The read model follows its sources, whoever writes them and in whatever order, and is equal to its definition.
CREATE EXTENSION pg_prebuilds;
SET search_path = prebuilds, public;

CREATE VIEW pg_temp.out_of_step AS
SELECT l AS has, d AS should_have
  FROM live_prebuilds l FULL JOIN live_prebuild_definitions d USING (workspace_id)
 WHERE ROW (l.*) IS DISTINCT FROM ROW (d.*);
-- Pools are as SQL would count them.
CREATE VIEW pg_temp.pools_by_sql AS
SELECT preset_id, count(*) FILTER (WHERE state = 'r')::int AS running, count(*) FILTER (WHERE state IN ('s', 'p'))::int AS starting,
       count(*) FILTER (WHERE state = 'p')::int AS pending, count(*) FILTER (WHERE state = 'f')::int AS failed_starts,
       min(created_at) FILTER (WHERE state = 'r') AS oldest_running, min(created_at) AS oldest
  FROM live_prebuilds WHERE preset_id IS NOT NULL GROUP BY preset_id;
CREATE TEMPORARY VIEW pg_temp.miscounted AS
(TABLE pools EXCEPT TABLE pg_temp.pools_by_sql) UNION ALL (TABLE pg_temp.pools_by_sql EXCEPT TABLE pools);

CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid;

INSERT INTO organizations (id, name) VALUES (pg_temp.id(1), 'acme');
INSERT INTO users (id, username, email) VALUES (pg_temp.id(2), 'ann', 'ann@example.com');
INSERT INTO templates (id, organization_id, name) VALUES (pg_temp.id(3), pg_temp.id(1), 'web');
INSERT INTO template_versions (id, template_id, organization_id, name) VALUES (pg_temp.id(4), pg_temp.id(3), pg_temp.id(1), 'v1');
INSERT INTO template_version_presets (id, template_version_id, name, desired_instances)
VALUES (pg_temp.id(5), pg_temp.id(4), 'small', 1), (pg_temp.id(6), pg_temp.id(4), 'large', 1);

-- A workspace alone is no prebuild yet; with its first build it is, in one statement or in several.
INSERT INTO workspaces (id, owner_id, organization_id, template_id, name)
VALUES (pg_temp.id(10), system_user_id(), pg_temp.id(1), pg_temp.id(3), 'prebuild-a');
SELECT count(*) FROM live_prebuilds;
INSERT INTO provisioner_jobs (id, organization_id, initiator_id) VALUES (pg_temp.id(20), pg_temp.id(1), system_user_id());
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
VALUES (pg_temp.id(10), pg_temp.id(4), 1, 'start', system_user_id(), pg_temp.id(20), pg_temp.id(5));
WITH w AS (
    INSERT INTO workspaces (id, owner_id, organization_id, template_id, name)
    VALUES (pg_temp.id(11), system_user_id(), pg_temp.id(1), pg_temp.id(3), 'prebuild-b') RETURNING id
), j AS (
    INSERT INTO provisioner_jobs (id, organization_id, initiator_id, started_at, worker_id)
    VALUES (pg_temp.id(21), pg_temp.id(1), system_user_id(), now(), pg_temp.id(99)) RETURNING id
)
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
SELECT w.id, pg_temp.id(4), 1, 'start', pg_temp.id(2), j.id, pg_temp.id(6) FROM w, j;
SELECT workspace_id, preset_id, build_number, transition, job_status, system_initiated, worker_assigned, ready
  FROM live_prebuilds ORDER BY workspace_id;

-- Ready: at least one agent, and all that count are ready.
UPDATE provisioner_jobs SET started_at = now(), completed_at = now() WHERE id = pg_temp.id(20);
INSERT INTO workspace_resources (id, job_id, transition, type, name) VALUES (pg_temp.id(30), pg_temp.id(20), 'start', 'vm', 'main');
SELECT job_status, ready FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);
INSERT INTO workspace_agents (id, resource_id, name) VALUES (pg_temp.id(40), pg_temp.id(30), 'one'), (pg_temp.id(41), pg_temp.id(30), 'two');
UPDATE workspace_agents SET lifecycle_state = 'ready' WHERE name = 'one';
SELECT ready FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);
UPDATE workspace_agents SET lifecycle_state = 'ready' WHERE name = 'two';
SELECT ready FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);
INSERT INTO workspace_agents (id, resource_id, name, parent_id) VALUES (pg_temp.id(42), pg_temp.id(30), 'sub', pg_temp.id(40));
SELECT ready FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);
INSERT INTO workspace_agents (id, resource_id, name) VALUES (pg_temp.id(43), pg_temp.id(30), 'late');
SELECT ready FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);
UPDATE workspace_agents SET deleted = true WHERE name = 'late';
SELECT ready FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);
-- A resource takes its agents along to another job, and a job takes what the other has lost.
UPDATE workspace_resources SET job_id = pg_temp.id(21);
SELECT workspace_id, ready FROM live_prebuilds ORDER BY 1;
UPDATE workspace_resources SET job_id = pg_temp.id(20);
SELECT workspace_id, ready FROM live_prebuilds ORDER BY 1;
DELETE FROM workspace_resources;
SELECT ready FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);

-- A statement may change everything at once. Triggers note both the job and the build before any of them derives.
WITH j AS (UPDATE provisioner_jobs SET worker_id = NULL, error = 'broken' WHERE id = pg_temp.id(21) RETURNING id)
UPDATE workspace_builds b SET template_version_preset_id = pg_temp.id(5) FROM j WHERE b.job_id = j.id;
SELECT preset_id, state, job_status, worker_assigned FROM live_prebuilds WHERE workspace_id = pg_temp.id(11);
-- They come one after the other.
WITH r AS (INSERT INTO workspace_resources (id, job_id, transition, name) VALUES (pg_temp.id(31), pg_temp.id(21), 'start', 'main') RETURNING id),
     a AS (INSERT INTO workspace_agents (resource_id, name, lifecycle_state) SELECT id, 'main', 'ready' FROM r),
     b AS (UPDATE workspace_builds SET template_version_preset_id = pg_temp.id(6) WHERE job_id = pg_temp.id(21)),
     w AS (UPDATE workspaces SET created_at = '2020-01-01' WHERE id = pg_temp.id(11))
UPDATE provisioner_jobs SET worker_id = pg_temp.id(99), error = NULL WHERE id = pg_temp.id(21);
SELECT preset_id, created_at = '2020-01-01' AS old, state, ready, job_status, worker_assigned FROM live_prebuilds WHERE workspace_id = pg_temp.id(11);
DELETE FROM workspace_resources;
TABLE pg_temp.out_of_step;

-- What a statement that failed has noted is derived by the next one, which finds it as it was.
\set VERBOSITY terse
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
CREATE TRIGGER bb_refuse AFTER UPDATE ON provisioner_jobs FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
UPDATE provisioner_jobs SET worker_id = NULL WHERE id = pg_temp.id(21);
\set VERBOSITY default
DROP TRIGGER bb_refuse ON provisioner_jobs;
UPDATE provisioner_jobs SET worker_id = pg_temp.id(99) WHERE id = pg_temp.id(20);
SELECT workspace_id, worker_assigned FROM live_prebuilds ORDER BY 1;

-- A job that is replicated may get another id, without a foreign key: the build has none meanwhile.
SET session_replication_role = replica;
UPDATE provisioner_jobs SET id = pg_temp.id(29), error = 'broken' WHERE id = pg_temp.id(21);
SELECT workspace_id FROM live_prebuilds;
UPDATE workspace_builds SET job_id = pg_temp.id(29) WHERE job_id = pg_temp.id(21);
SELECT workspace_id, job_id, state FROM live_prebuilds ORDER BY 1;
UPDATE provisioner_jobs SET error = NULL, started_at = NULL WHERE id = pg_temp.id(29);
RESET session_replication_role;
SELECT workspace_id, job_id, state FROM live_prebuilds ORDER BY 1;
TABLE pg_temp.out_of_step;

-- A build that moves from one prebuild to another in one statement: to one that was without, to one with an older build in
-- either order of their ids, and two that are exchanged.
CREATE PROCEDURE pg_temp.move(before int, after int) LANGUAGE sql
AS 'UPDATE workspace_builds SET workspace_id = pg_temp.id(after), build_number = 2 WHERE workspace_id = pg_temp.id(before)';
CREATE VIEW pg_temp.jobs AS
SELECT b.workspace_id, l.job_id = b.job_id AS followed
  FROM workspace_builds b JOIN live_prebuilds l USING (workspace_id)
 WHERE b.build_number = (SELECT max(o.build_number) FROM workspace_builds o WHERE o.workspace_id = b.workspace_id);
BEGIN;
DELETE FROM workspace_builds WHERE workspace_id = pg_temp.id(11);
CALL pg_temp.move(10, 11);
TABLE pg_temp.jobs;
ROLLBACK;
BEGIN;
CALL pg_temp.move(10, 11);
TABLE pg_temp.jobs;
INSERT INTO provisioner_jobs (id, organization_id, initiator_id, completed_at) VALUES (pg_temp.id(28), pg_temp.id(1), pg_temp.id(2), now());
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
VALUES (pg_temp.id(10), pg_temp.id(4), 1, 'start', pg_temp.id(2), pg_temp.id(28));
UPDATE workspace_builds SET workspace_id = pg_temp.id(10) WHERE build_number = 2;
TABLE pg_temp.jobs ORDER BY workspace_id;
UPDATE workspace_builds
   SET workspace_id = CASE workspace_id WHEN pg_temp.id(10) THEN pg_temp.id(11) ELSE pg_temp.id(10) END, build_number = build_number + 2;
TABLE pg_temp.jobs ORDER BY workspace_id;
TABLE pg_temp.out_of_step;
ROLLBACK;
DROP VIEW pg_temp.jobs;

-- A statement within a trigger of somebody else's does not take along, when it is rolled back, what the outer one has noted.
CREATE FUNCTION pg_temp.fail_quietly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE prebuilds.provisioner_jobs SET completed_at = NULL WHERE false;
    RAISE 'rolled back';
EXCEPTION WHEN raise_exception THEN
    RETURN NULL;
END $$;
CREATE TRIGGER zz AFTER UPDATE ON provisioner_jobs FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION pg_temp.fail_quietly();
BEGIN;
UPDATE provisioner_jobs SET error = 'broken' WHERE id IN (SELECT job_id FROM live_prebuilds);
SELECT count(*) > 0 AS failed FROM live_prebuilds WHERE job_status = 'failed';
SELECT count(*) FROM pg_temp.out_of_step;
ROLLBACK;
DROP TRIGGER zz ON provisioner_jobs;

-- The pool of a prebuild that was stopped and started again is that of its newest start build with a preset.
INSERT INTO provisioner_jobs (id, organization_id, initiator_id, started_at, completed_at)
SELECT pg_temp.id(n), pg_temp.id(1), pg_temp.id(2), now(), now() FROM generate_series(22, 23) n;
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
VALUES (pg_temp.id(10), pg_temp.id(4), 2, 'stop', pg_temp.id(2), pg_temp.id(22)),
       (pg_temp.id(10), pg_temp.id(4), 3, 'start', pg_temp.id(2), pg_temp.id(23));
SELECT preset_id, build_preset_id, build_number, transition FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);
DELETE FROM workspace_builds WHERE workspace_id = pg_temp.id(10) AND build_number = 3;
SELECT build_number, transition FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);
DELETE FROM template_version_presets WHERE id = pg_temp.id(5);
SELECT preset_id FROM live_prebuilds WHERE workspace_id = pg_temp.id(10);

-- A claim, an undelete, a deletion.
UPDATE workspaces SET owner_id = pg_temp.id(2) WHERE id = pg_temp.id(10);
SELECT count(*) FROM live_prebuilds;
UPDATE workspaces SET owner_id = system_user_id() WHERE id = pg_temp.id(10);
UPDATE workspaces SET deleted = true WHERE id = pg_temp.id(11);
SELECT workspace_id FROM live_prebuilds;
TABLE pg_temp.out_of_step;

-- Without triggers nothing follows; the rebuild mends it, and says how much.
SET session_replication_role = replica;
UPDATE workspaces SET deleted = false WHERE id = pg_temp.id(11);
RESET session_replication_role;
SELECT count(*) FROM live_prebuilds;  -- replicated rows count as well
ALTER TABLE workspaces DISABLE TRIGGER ALL;
UPDATE workspaces SET deleted = true;
ALTER TABLE workspaces ENABLE TRIGGER ALL;
SELECT count(*) FROM live_prebuilds;
SELECT rebuild_live_prebuilds(), rebuild_live_prebuilds();
SELECT count(*) FROM live_prebuilds;
DO $$
DECLARE name text; source regclass;
BEGIN  -- ENABLE TRIGGER ALL has made them ordinary triggers
    FOR source, name IN SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid = 'workspaces'::regclass AND tgname ~ 'read_model' LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', source, name);
    END LOOP;
END $$;

-- Any order, any statement: random writes of every kind leave it equal to its definition.
SELECT coalesce(nullif(current_setting('prebuilds_test.seed', true), '')::float8, 0.42) AS seed \gset
SELECT set_config('prebuilds_test.seed', :'seed', false) AS seed, setseed(:seed) IS NULL AS set;
SET client_min_messages = warning;
TRUNCATE workspaces, provisioner_jobs CASCADE;
RESET client_min_messages;
INSERT INTO template_version_presets (id, template_version_id, name, desired_instances) VALUES (pg_temp.id(5), pg_temp.id(4), 'small', 1);
CREATE PROCEDURE pg_temp.random_write() LANGUAGE plpgsql AS $$
DECLARE
    ws uuid := (SELECT id FROM workspaces ORDER BY random() LIMIT 1);
    job uuid := gen_random_uuid();
    pick int := floor(random() * 16);
BEGIN
    CASE pick
    WHEN 0, 1 THEN
        INSERT INTO workspaces (owner_id, organization_id, template_id, name)
        SELECT CASE WHEN random() < 0.8 THEN system_user_id() ELSE pg_temp.id(2) END, pg_temp.id(1), pg_temp.id(3), gen_random_uuid()::text
          FROM generate_series(1, 1 + floor(random() * 3)::int);
    WHEN 2, 3, 4 THEN
        IF NOT EXISTS (SELECT FROM workspace_builds b JOIN provisioner_jobs j ON j.id = b.job_id
                        WHERE b.workspace_id = ws AND j.job_status IN ('pending', 'running', 'canceling')) THEN
            INSERT INTO provisioner_jobs (id, organization_id, initiator_id, completed_at, worker_id)
            VALUES (job, pg_temp.id(1), pg_temp.id(2), CASE WHEN random() < 0.5 THEN now() END, CASE WHEN random() < 0.5 THEN pg_temp.id(7) END);
            INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
            SELECT ws, pg_temp.id(4), coalesce(max(build_number), 0) + 1, (enum_range(NULL::workspace_transition))[1 + floor(random() * 3)],
                   CASE WHEN random() < 0.5 THEN system_user_id() ELSE pg_temp.id(2) END, job,
                   CASE WHEN random() < 0.5 THEN pg_temp.id(5 + (random() < 0.5)::int) END
              FROM workspace_builds WHERE workspace_id = ws
            HAVING ws IS NOT NULL;
        END IF;
    WHEN 5, 6 THEN
        UPDATE provisioner_jobs SET started_at = now(), completed_at = CASE WHEN random() < 0.8 THEN now() ELSE completed_at END,
               error = CASE WHEN random() < 0.2 THEN 'broken' END, worker_id = CASE WHEN random() < 0.5 THEN pg_temp.id(7) END
         WHERE completed_at IS NULL AND random() < 0.7;
    WHEN 7, 8 THEN
        WITH r AS (INSERT INTO workspace_resources (id, job_id, transition, type, name)
                   SELECT gen_random_uuid(), id, 'start', 'vm', 'main' FROM provisioner_jobs ORDER BY random() LIMIT 2 RETURNING id)
        INSERT INTO workspace_agents (resource_id, name, lifecycle_state)
        SELECT id, 'main', CASE WHEN random() < 0.5 THEN 'ready' ELSE 'starting' END::workspace_agent_lifecycle_state FROM r;
    WHEN 9 THEN UPDATE workspace_agents SET lifecycle_state = CASE WHEN random() < 0.8 THEN 'ready' ELSE 'off' END::workspace_agent_lifecycle_state WHERE random() < 0.5;
    WHEN 10 THEN UPDATE workspace_agents SET deleted = NOT deleted WHERE random() < 0.2;
    WHEN 11 THEN UPDATE workspaces SET owner_id = CASE WHEN random() < 0.5 THEN system_user_id() ELSE pg_temp.id(2) END WHERE random() < 0.1;
    WHEN 12 THEN UPDATE workspaces SET deleted = random() < 0.2 WHERE random() < 0.2;
    WHEN 13 THEN
        DELETE FROM workspace_resources WHERE random() < 0.02;
        DELETE FROM workspace_builds WHERE random() < 0.02;
        DELETE FROM workspaces WHERE random() < 0.02;
        UPDATE workspace_builds SET template_version_preset_id = pg_temp.id(5) WHERE random() < 0.1;
    WHEN 14 THEN UPDATE workspace_resources SET job_id = (SELECT id FROM provisioner_jobs ORDER BY random() LIMIT 1) WHERE random() < 0.1;
    WHEN 15 THEN
        WITH a AS (UPDATE workspace_agents SET lifecycle_state = 'ready' WHERE random() < 0.2),
             j AS (UPDATE provisioner_jobs SET worker_id = CASE WHEN random() < 0.5 THEN pg_temp.id(7) END WHERE random() < 0.2),
             b AS (UPDATE workspace_builds SET template_version_preset_id = pg_temp.id(6) WHERE random() < 0.1)
        UPDATE workspaces SET owner_id = system_user_id(), created_at = now() - random() * interval '1 hour' WHERE random() < 0.1;
    END CASE;
END $$;
CREATE TABLE pg_temp.seen (transition workspace_transition, job_status provisioner_job_status, ready boolean, state "char");
DO $$
BEGIN
    FOR i IN 1 .. 1000 LOOP
        CALL pg_temp.random_write();
        INSERT INTO pg_temp.seen SELECT DISTINCT transition, job_status, ready, state FROM live_prebuilds;
        IF EXISTS (SELECT FROM pg_temp.out_of_step) OR EXISTS (SELECT FROM pg_temp.miscounted) THEN
            RAISE EXCEPTION 'out of step after write %, seed %', i, current_setting('prebuilds_test.seed');
        END IF;
    END LOOP;
END $$;
-- What the walk has been through.
SELECT count(DISTINCT (transition, job_status)) > 10 AS many_states, bool_or(ready) AS some_ready,
       string_agg(DISTINCT state, '' ORDER BY state) AS counted FROM pg_temp.seen;

RESET search_path;
DROP VIEW pg_temp.out_of_step, pg_temp.miscounted, pg_temp.pools_by_sql;
DROP TABLE pg_temp.seen;
DROP EXTENSION pg_prebuilds;
