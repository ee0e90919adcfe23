-- What the tables refuse, what they take, and what goes with what.
CREATE EXTENSION pg_prebuilds;
SET search_path = prebuilds, public;
\set VERBOSITY terse

CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid;

-- The script ships the prebuilds user and nobody else.
SELECT id = system_user_id() AS is_system_user, username, email, is_system FROM users;

-- Names are unique without regard to case, among what is not deleted.
INSERT INTO organizations (id, name) VALUES (pg_temp.id(1), 'acme');
INSERT INTO organizations (name) VALUES ('ACME');
INSERT INTO organizations (name, deleted) VALUES ('ACME', true);
INSERT INTO users (id, username, email) VALUES (pg_temp.id(2), 'ann', 'ann@example.com');
INSERT INTO users (username, email) VALUES ('Ann', 'other@example.com');
INSERT INTO users (username, email) VALUES ('other', 'ANN@example.com');
INSERT INTO users (username, email, deleted) VALUES ('Ann', 'ann@example.com', true);
INSERT INTO templates (id, organization_id, name) VALUES (pg_temp.id(3), pg_temp.id(1), 'web');
INSERT INTO templates (organization_id, name) VALUES (pg_temp.id(1), 'Web');
INSERT INTO templates (organization_id, name, deleted) VALUES (pg_temp.id(1), 'Web', true);
INSERT INTO workspaces (id, owner_id, organization_id, template_id, name)
VALUES (pg_temp.id(4), pg_temp.id(2), pg_temp.id(1), pg_temp.id(3), 'mine');
INSERT INTO workspaces (owner_id, organization_id, template_id, name) VALUES (pg_temp.id(2), pg_temp.id(1), pg_temp.id(3), 'Mine');

-- A template may name a version that does not exist yet, or no more.
UPDATE templates SET active_version_id = pg_temp.id(5) WHERE id = pg_temp.id(3);
INSERT INTO template_versions (id, template_id, organization_id, name) VALUES (pg_temp.id(5), pg_temp.id(3), pg_temp.id(1), 'v1');
INSERT INTO template_versions (template_id, organization_id, name) VALUES (pg_temp.id(3), pg_temp.id(1), 'v1');

-- Presets: one name, one default, and a count in range.
INSERT INTO template_version_presets (id, template_version_id, name, is_default) VALUES (pg_temp.id(6), pg_temp.id(5), 'small', true);
INSERT INTO template_version_presets (template_version_id, name) VALUES (pg_temp.id(5), 'small');
INSERT INTO template_version_presets (template_version_id, name, is_default) VALUES (pg_temp.id(5), 'large', true);
INSERT INTO template_version_presets (template_version_id, name, desired_instances) VALUES (pg_temp.id(5), 'large', -1);
INSERT INTO template_version_presets (template_version_id, name, desired_instances) VALUES (pg_temp.id(5), 'large', 100001);
INSERT INTO template_version_presets (template_version_id, name, desired_instances) VALUES (pg_temp.id(5), 'large', 100000);

-- The pause setting is JSON with a boolean; other keys and other members are free.
INSERT INTO site_configs VALUES ('prebuilds_settings', '{"reconciliation_paused": 1}');
INSERT INTO site_configs VALUES ('prebuilds_settings', '{}');
INSERT INTO site_configs VALUES ('prebuilds_settings', '[]');
INSERT INTO site_configs VALUES ('prebuilds_settings', 'on');
INSERT INTO site_configs VALUES ('prebuilds_settings', '{"reconciliation_paused": false, "ticket": 7}'), ('other', 'on');

-- The status of a job follows from its times and its error, in this order.
INSERT INTO provisioner_jobs (organization_id, initiator_id, started_at, canceled_at, completed_at, error)
SELECT pg_temp.id(1), system_user_id(), s.at, x.at, c.at, e.error
  FROM (VALUES (NULL::timestamptz), (now())) AS s (at), (VALUES (NULL::timestamptz), (now())) AS x (at),
       (VALUES (NULL::timestamptz), (now())) AS c (at), (VALUES (NULL), (''), ('no space left')) AS e (error);
SELECT completed_at IS NOT NULL AS completed, error, canceled_at IS NOT NULL AS canceled, started_at IS NOT NULL AS started, job_status
  FROM provisioner_jobs ORDER BY 1 DESC, 2 DESC NULLS LAST, 3, 4;

-- Tags of any shape are taken, and every job's queue is known, with its tags normalised.
TRUNCATE provisioner_jobs CASCADE;
INSERT INTO provisioner_jobs (organization_id, initiator_id, tags)
SELECT pg_temp.id(1), system_user_id(), tags
  FROM unnest('{"{}", "[1]", "\"x\"", "null", "{\"gpu\": true, \"size\": 2, \"none\": null}", "{\"scope\": \"user\"}"}'::jsonb[]) AS tags;
SELECT j.tags, q.owner, q.tags AS normalised FROM provisioner_jobs j LEFT JOIN job_queues q USING (queue_key) ORDER BY j.tags;
UPDATE provisioner_jobs SET provisioner = 'docker' WHERE tags = '{}';
SELECT count(*) FROM provisioner_jobs WHERE queue_key NOT IN (SELECT queue_key FROM job_queues);
SELECT normalized_tags('{"scope": "user", "gpu": 1}', 'ann') AS of_a_user, normalized_tags('{"gpu": 1}', 'ann') AS of_an_organization;

-- An event is a claim or a miss.
INSERT INTO prebuild_events (preset_id, event_type) VALUES (pg_temp.id(6), 'claim_delayed');
INSERT INTO prebuild_events (preset_id, event_type) VALUES (pg_temp.id(6), NULL);

-- Owners take their parts with them; a build loses a deleted preset.
INSERT INTO provisioner_jobs (id, organization_id, initiator_id) VALUES (pg_temp.id(7), pg_temp.id(1), pg_temp.id(2));
INSERT INTO workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
VALUES (pg_temp.id(8), pg_temp.id(4), pg_temp.id(5), 1, 'start', pg_temp.id(2), pg_temp.id(7), pg_temp.id(6));
INSERT INTO workspace_build_parameters (workspace_build_id, name, value) VALUES (pg_temp.id(8), 'region', 'eu');
INSERT INTO workspace_resources (id, job_id, transition, type, name) VALUES (pg_temp.id(9), pg_temp.id(7), 'start', 'vm', 'main');
INSERT INTO workspace_agents (resource_id, name, parent_id) VALUES (pg_temp.id(9), 'main', pg_temp.id(99));
INSERT INTO provisioner_job_logs (job_id, line) VALUES (pg_temp.id(7), 'hello');
DELETE FROM template_version_presets WHERE id = pg_temp.id(6);
SELECT template_version_preset_id FROM workspace_builds;
DELETE FROM users WHERE id = pg_temp.id(2);
DELETE FROM templates WHERE id = pg_temp.id(3);
DELETE FROM provisioner_jobs WHERE id = pg_temp.id(7);
DELETE FROM workspaces WHERE id = pg_temp.id(4);
DELETE FROM provisioner_jobs WHERE id = pg_temp.id(7);
DELETE FROM templates WHERE id = pg_temp.id(3);
SELECT (SELECT count(*) FROM workspace_builds) AS builds, (SELECT count(*) FROM workspace_build_parameters) AS parameters,
       (SELECT count(*) FROM workspace_resources) AS resources, (SELECT count(*) FROM workspace_agents) AS agents,
       (SELECT count(*) FROM provisioner_job_logs) AS logs, (SELECT count(*) FROM template_versions) AS versions,
       (SELECT count(*) FROM template_version_presets) AS presets;

-- Every foreign key has an index that starts with its column, and everything is explained.
SELECT c.conrelid::regclass AS table, c.conname FROM pg_constraint c
 WHERE c.contype = 'f' AND c.connamespace = 'prebuilds'::regnamespace
   AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1]);
SELECT c.oid::regclass AS without_comment FROM pg_class c
 WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL;

-- No two tables that are dumped reference each other in a circle, nor does one reference itself.
WITH RECURSIVE path (start, at) AS (
    SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND connamespace = 'prebuilds'::regnamespace
    UNION
    SELECT p.start, c.confrelid FROM path p JOIN pg_constraint c ON c.conrelid = p.at AND c.contype = 'f'
)
SELECT start::regclass AS circle FROM path WHERE start = at;

-- All is dumped but what is derived and what is true of this database only.
SELECT c.oid::regclass AS not_dumped FROM pg_class c, pg_extension e
 WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind IN ('r', 'S') AND e.extname = 'pg_prebuilds'
   AND c.oid <> ALL (e.extconfig) ORDER BY c.relname;
SELECT c.oid::regclass AS table, e.extcondition[x.i] AS only
  FROM pg_extension e, generate_subscripts(e.extconfig, 1) AS x (i), pg_class c
 WHERE e.extname = 'pg_prebuilds' AND c.oid = e.extconfig[x.i] AND e.extcondition[x.i] <> '';

RESET search_path;
DROP EXTENSION pg_prebuilds;
