-- A workspace has at most one build whose job is not final, whoever writes builds and jobs, and in whatever order.
CREATE EXTENSION pg_prebuilds;
SET search_path = prebuilds, public;

CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid;
CREATE VIEW pg_temp.builds AS
SELECT w.name AS workspace, b.build_number AS build, j.job_status, b.open,
       b.open IS DISTINCT FROM (j.job_status NOT IN ('succeeded', 'canceled', 'failed')) AS wrong
  FROM workspace_builds b JOIN workspaces w ON w.id = b.workspace_id JOIN provisioner_jobs j ON j.id = b.job_id
 ORDER BY w.name, b.build_number;
CREATE FUNCTION pg_temp.job(job int, done boolean DEFAULT false) RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO prebuilds.provisioner_jobs (id, organization_id, initiator_id, started_at, completed_at)
    VALUES (pg_temp.id(job), pg_temp.id(1), pg_temp.id(2), now(), CASE WHEN done THEN now() END) RETURNING id $$;
CREATE FUNCTION pg_temp.build(workspace int, number int, job uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO prebuilds.workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
    VALUES (pg_temp.id(workspace), pg_temp.id(4), number, 'start', pg_temp.id(2), job) $$;

INSERT INTO organizations (id, name) VALUES (pg_temp.id(1), 'acme');
INSERT INTO users (id, username, email) VALUES (pg_temp.id(2), 'ann', 'ann@example.com');
INSERT INTO templates (id, organization_id, name) VALUES (pg_temp.id(3), pg_temp.id(1), 'web');
INSERT INTO template_versions (id, template_id, organization_id, name) VALUES (pg_temp.id(4), pg_temp.id(3), pg_temp.id(1), 'v1');
INSERT INTO workspaces (id, owner_id, organization_id, template_id, name)
SELECT pg_temp.id(100 + n), pg_temp.id(2), pg_temp.id(1), pg_temp.id(3), 'w' || n FROM generate_series(1, 9) n;

-- Each status of a job.
INSERT INTO provisioner_jobs (id, organization_id, initiator_id, started_at, canceled_at, completed_at, error)
VALUES (pg_temp.id(11), pg_temp.id(1), pg_temp.id(2), NULL, NULL, NULL, NULL),
       (pg_temp.id(12), pg_temp.id(1), pg_temp.id(2), now(), NULL, NULL, ''),
       (pg_temp.id(13), pg_temp.id(1), pg_temp.id(2), now(), NULL, now(), ''),
       (pg_temp.id(14), pg_temp.id(1), pg_temp.id(2), NULL, now(), NULL, NULL),
       (pg_temp.id(15), pg_temp.id(1), pg_temp.id(2), NULL, now(), now(), NULL),
       (pg_temp.id(16), pg_temp.id(1), pg_temp.id(2), now(), NULL, now(), 'broken'),
       (pg_temp.id(17), pg_temp.id(1), pg_temp.id(2), now(), NULL, NULL, 'broken');
SELECT pg_temp.build(100 + n, 1, pg_temp.id(10 + n)) FROM generate_series(1, 7) n \g /dev/null
SELECT * FROM pg_temp.builds;

-- A second one at work is refused; a finished one, as from an import, is not.
SELECT pg_temp.build(101, 2, pg_temp.job(21));
\echo :LAST_ERROR_SQLSTATE
SELECT pg_temp.build(101, 2, pg_temp.job(21, true));
-- The flag cannot be set by hand, neither to open a build nor to make room for another.
UPDATE workspace_builds SET open = NOT open;
SELECT count(*) FILTER (WHERE wrong) AS wrong FROM pg_temp.builds;

-- The statement that makes the job final closes the build; one that makes it work again opens it, if it can.
UPDATE provisioner_jobs SET updated_at = now();
UPDATE provisioner_jobs SET completed_at = now() WHERE id = pg_temp.id(11);
SELECT pg_temp.build(101, 3, pg_temp.job(22));
UPDATE provisioner_jobs SET completed_at = NULL WHERE id = pg_temp.id(11);
UPDATE provisioner_jobs SET completed_at = CASE WHEN id = pg_temp.id(22) THEN now() END WHERE id IN (pg_temp.id(11), pg_temp.id(22));
SELECT * FROM pg_temp.builds WHERE workspace = 'w1';
UPDATE provisioner_jobs SET completed_at = CASE WHEN id = pg_temp.id(11) THEN now() END WHERE id IN (pg_temp.id(11), pg_temp.id(22));
SELECT * FROM pg_temp.builds WHERE workspace = 'w1';
UPDATE provisioner_jobs SET completed_at = now() WHERE completed_at IS NULL;
SELECT count(*) FILTER (WHERE open) AS open, count(*) FILTER (WHERE wrong) AS wrong FROM pg_temp.builds;
-- An id that goes from a job to another one takes its build with it.
SELECT pg_temp.job(23) \g /dev/null
UPDATE provisioner_jobs SET id = CASE id WHEN pg_temp.id(21) THEN pg_temp.id(24) ELSE pg_temp.id(21) END
 WHERE id IN (pg_temp.id(21), pg_temp.id(23));
SELECT * FROM pg_temp.builds WHERE workspace = 'w1';

-- Build and job in one statement, in either order; histories in one statement.
WITH j AS (SELECT pg_temp.job(30) AS id)
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
SELECT pg_temp.id(108), pg_temp.id(4), 1, 'start', pg_temp.id(2), id FROM j;
WITH j AS (
    INSERT INTO provisioner_jobs (id, organization_id, initiator_id, completed_at)
    SELECT pg_temp.id(n), pg_temp.id(1), pg_temp.id(2), CASE WHEN n < 34 THEN now() END FROM generate_series(31, 34) n
)
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
SELECT pg_temp.id(109), pg_temp.id(4), n - 30, 'start', pg_temp.id(2), pg_temp.id(n) FROM generate_series(31, 34) n;
WITH b AS (
    INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
    SELECT pg_temp.id(107), pg_temp.id(4), n - 30, 'start', pg_temp.id(2), pg_temp.id(n) FROM generate_series(41, 44) n
    RETURNING job_id
)
INSERT INTO provisioner_jobs (id, organization_id, initiator_id, completed_at)
SELECT job_id, pg_temp.id(1), pg_temp.id(2), CASE WHEN job_id < pg_temp.id(44) THEN now() END FROM b;
SELECT * FROM pg_temp.builds WHERE workspace >= 'w7';
WITH b AS (
    INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
    VALUES (pg_temp.id(107), pg_temp.id(4), 20, 'start', pg_temp.id(2), pg_temp.id(45)) RETURNING job_id
)
INSERT INTO provisioner_jobs (id, organization_id, initiator_id) SELECT job_id, pg_temp.id(1), pg_temp.id(2) FROM b;
-- Made and finished by one statement.
WITH b AS (
    INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
    SELECT pg_temp.id(106), pg_temp.id(4), 2, 'start', pg_temp.id(2), pg_temp.id(46)
      FROM (SELECT pg_temp.job(46) OFFSET 0) j
)
UPDATE provisioner_jobs SET error = 'gone' WHERE id = pg_temp.id(44);
-- Another job for a build.
UPDATE workspace_builds SET job_id = pg_temp.job(47, true) WHERE job_id = pg_temp.id(30);
SELECT * FROM pg_temp.builds WHERE workspace IN ('w6', 'w8') OR open;
\set VERBOSITY terse
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
VALUES (pg_temp.id(107), pg_temp.id(4), 20, 'start', pg_temp.id(2), NULL);
\set VERBOSITY default
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id)
VALUES (pg_temp.id(107), pg_temp.id(4), 20, 'start', pg_temp.id(2), pg_temp.id(99));
SELECT count(*) FILTER (WHERE wrong) AS wrong FROM pg_temp.builds;

-- In a subtransaction that is rolled back, and on the snapshot of an older transaction.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM pg_temp.builds WHERE open;
SAVEPOINT s;
UPDATE provisioner_jobs SET completed_at = now();
SELECT count(*) FROM pg_temp.builds WHERE open;
ROLLBACK TO s;
SELECT count(*) FROM pg_temp.builds WHERE open;
COMMIT;

-- A writer needs no right on the other table, and his search_path and operators do not matter.
CREATE ROLE regress_queue_writer;
GRANT USAGE ON SCHEMA prebuilds TO regress_queue_writer;
GRANT SELECT, UPDATE ON provisioner_jobs TO regress_queue_writer;
CREATE SCHEMA hers;
GRANT USAGE ON SCHEMA hers TO regress_queue_writer;
CREATE FUNCTION hers.never(uuid, uuid) RETURNS boolean LANGUAGE sql RETURN false;
CREATE OPERATOR hers.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = hers.never);
SET ROLE regress_queue_writer;
SET search_path = hers, pg_catalog;
UPDATE prebuilds.provisioner_jobs SET completed_at = now();
RESET ROLE;
SET search_path = prebuilds, public;
DROP OPERATOR hers.= (uuid, uuid);
DROP FUNCTION hers.never;
DROP SCHEMA hers;
SELECT count(*) FILTER (WHERE open) AS open, count(*) FILTER (WHERE wrong) AS wrong FROM pg_temp.builds;

-- A replica's load keeps the flag as well, whatever the loader says, with builds before their jobs.
SET session_replication_role = replica;
UPDATE provisioner_jobs SET completed_at = NULL WHERE id IN (pg_temp.id(34), pg_temp.id(44), pg_temp.id(46));
UPDATE workspace_builds SET open = NOT open WHERE job_id IN (pg_temp.id(33), pg_temp.id(34));
SELECT pg_temp.build(105, n - 40, pg_temp.id(n)) FROM generate_series(48, 49) n \g /dev/null
SELECT pg_temp.job(n, n = 48) FROM generate_series(48, 49) n \g /dev/null
SELECT * FROM pg_temp.builds WHERE open OR wrong;
UPDATE provisioner_jobs SET completed_at = CASE WHEN id = pg_temp.id(49) THEN now() END WHERE id IN (pg_temp.id(48), pg_temp.id(49));
SELECT * FROM pg_temp.builds WHERE workspace = 'w5';
UPDATE provisioner_jobs SET completed_at = NULL WHERE id = pg_temp.id(49);
\echo :LAST_ERROR_SQLSTATE
RESET session_replication_role;

-- With triggers off the flag is what the loader says; the next pass repairs it.
ALTER TABLE provisioner_jobs DISABLE TRIGGER USER;
ALTER TABLE workspace_builds DISABLE TRIGGER USER;
UPDATE provisioner_jobs SET completed_at = now() WHERE id = pg_temp.id(46);
UPDATE provisioner_jobs SET completed_at = NULL WHERE id = pg_temp.id(43);
UPDATE workspace_builds SET open = true WHERE job_id = pg_temp.id(12);
ALTER TABLE provisioner_jobs ENABLE TRIGGER USER;
ALTER TABLE workspace_builds ENABLE TRIGGER USER;
SELECT count(*) FILTER (WHERE wrong) AS wrong FROM pg_temp.builds;
SELECT errors FROM prebuilds_reconcile_all();
SELECT * FROM pg_temp.builds WHERE open OR wrong;
-- So does a workspace with two builds at work, but for one of them.
ALTER TABLE provisioner_jobs DISABLE TRIGGER USER;
UPDATE provisioner_jobs SET completed_at = NULL WHERE id IN (pg_temp.id(11), pg_temp.id(41), pg_temp.id(42));
ALTER TABLE provisioner_jobs ENABLE TRIGGER USER;
SELECT errors FROM prebuilds_reconcile_all();
SELECT * FROM pg_temp.builds WHERE open OR wrong;
UPDATE provisioner_jobs SET completed_at = now() WHERE id IN (pg_temp.id(41), pg_temp.id(42), pg_temp.id(43));
SELECT repair_open();

DROP OWNED BY regress_queue_writer;
DROP ROLE regress_queue_writer;
RESET search_path;
DROP VIEW pg_temp.builds;
DROP EXTENSION pg_prebuilds;
