-- Schedules and the zone they are meant in are checked when they are written, by whatever statement.
CREATE EXTENSION pg_prebuilds;
SET search_path = prebuilds, public;
\pset null '(none)'

-- Zones: the names of pg_timezone_names, and nothing else that PostgreSQL would take.
SELECT count(*) > 300 AS zones, count(*) FILTER (WHERE schedule_problem(name, '{* 9 * * *}', '{1}') IS NOT NULL) AS refused
  FROM pg_timezone_names;
SELECT zone, schedule_problem(zone, '{}', '{}') ->> 'message' AS problem
  FROM unnest('{"", UTC, Europe/Berlin, utc, europe/berlin, CEST, +02, <+02>-02, EST5, Europe/Berln1, InvalidLocation}'::text[]) AS zone;
SELECT jsonb_pretty(schedule_problem('', '{* 9 * * *}', '{1}'));
-- Which schedule it is: the first that is wrong by itself, or clashes with one before it.
SELECT crons, instances, p.problem ->> 'index' AS index, p.problem ->> 'message' AS message, p.problem ->> 'detail' AS detail
  FROM (VALUES ('{* 9-18 * * 1-5, * 19 * * *}', '{3, 0}'),
               ('{* 9-18 * * 1-5, 30 19 * * *}', '{3, 0}'),
               ('{* 9-14 * * 1-5, * 15 * * *, * 12-18 * * 1-5, * 25 * * *}', '{1, 2, 3, 4}'),
               ('{* 9 * * *, * 10 * * *, * 11 * * *}', '{1, -1, 100001}'),
               ('{"", * 10 * * *}', '{1, 1}')) AS v (crons, instances),
       schedule_problem('UTC', crons::text[], instances::int[]) AS p (problem);
SELECT schedule_problem('UTC', '{* 9 * * *}', '{1, 2}');
SELECT schedule_problem('UTC', '{null}', '{1}');
SELECT schedule_problem(NULL, NULL, NULL);

CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid;
INSERT INTO organizations (id, name) VALUES (pg_temp.id(1), 'acme');
INSERT INTO templates (id, organization_id, name) VALUES (pg_temp.id(2), pg_temp.id(1), 'web');
INSERT INTO template_versions (id, template_id, organization_id, name) VALUES (pg_temp.id(3), pg_temp.id(2), pg_temp.id(1), 'v1');
INSERT INTO template_version_presets (id, template_version_id, name, desired_instances, scheduling_timezone)
VALUES (pg_temp.id(10), pg_temp.id(3), 'berlin', 1, 'Europe/Berlin'), (pg_temp.id(11), pg_temp.id(3), 'nowhere', 1, ''),
       (pg_temp.id(12), pg_temp.id(3), 'utc', 1, 'UTC');
CREATE VIEW pg_temp.schedules AS
SELECT p.name, p.scheduling_timezone AS zone, s.cron_expression AS cron, s.desired_instances AS instances
  FROM template_version_presets p JOIN template_version_preset_prebuild_schedules s ON s.preset_id = p.id
 ORDER BY p.name, s.cron_expression;

-- Writing schedules.
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
VALUES (pg_temp.id(10), '* 9-12 * * 1-5', 3), (pg_temp.id(10), '* 13-18 * * 1-5', 2), (pg_temp.id(12), '* 9-12 * * 1-5', 3);
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
VALUES (pg_temp.id(10), '* 20 * * *', 3), (pg_temp.id(10), '* 25 * * *', 3);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
VALUES (pg_temp.id(10), '* 12 * * 5', 3);
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
VALUES (pg_temp.id(11), '* 12 * * 5', 3);
INSERT INTO template_version_preset_prebuild_schedules (id, created_at, updated_at, preset_id, cron_expression, desired_instances)
VALUES (pg_temp.id(20), '2025-06-01', '2025-06-01', pg_temp.id(10), '* 20 * * *', 100001);
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression) VALUES (pg_temp.id(99), '* 12 * * 5');
INSERT INTO template_version_preset_prebuild_schedules (preset_id) VALUES (pg_temp.id(10));
INSERT INTO template_version_preset_prebuild_schedules (preset_id) SELECT NULL WHERE false;
COPY template_version_preset_prebuild_schedules (id, preset_id, cron_expression, desired_instances) FROM stdin (DELIMITER '|');
00000000-0000-0000-0000-000000000020|00000000-0000-0000-0000-000000000012|* 20 * * *|1
00000000-0000-0000-0000-000000000021|00000000-0000-0000-0000-000000000012|* 20-21 * * *|1
\.
SELECT * FROM pg_temp.schedules;

-- Changing them: what counts is the state after the statement.
UPDATE template_version_preset_prebuild_schedules
   SET cron_expression = CASE cron_expression WHEN '* 9-12 * * 1-5' THEN '* 13-18 * * 1-5' ELSE '* 9-12 * * 1-5' END
 WHERE preset_id = pg_temp.id(10);
UPDATE template_version_preset_prebuild_schedules SET cron_expression = '* 9 * * *' WHERE preset_id = pg_temp.id(10);
UPDATE template_version_preset_prebuild_schedules SET preset_id = pg_temp.id(10);
UPDATE template_version_preset_prebuild_schedules SET cron_expression = '* 5-3 * * *' WHERE preset_id = pg_temp.id(12);
WITH gone AS (DELETE FROM template_version_preset_prebuild_schedules WHERE preset_id = pg_temp.id(12))
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
VALUES (pg_temp.id(12), '* 10 * * *', 4);
SELECT * FROM pg_temp.schedules;

-- The zone.
UPDATE template_version_presets SET scheduling_timezone = 'Europe/Berln1' WHERE name = 'berlin';
UPDATE template_version_presets SET scheduling_timezone = '';
UPDATE template_version_presets SET scheduling_timezone = 'Asia/Kolkata' WHERE name <> 'nowhere';
UPDATE template_version_presets SET scheduling_timezone = 'InvalidLocation' WHERE name = 'nowhere';
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression) VALUES (pg_temp.id(11), '* 12 * * 5');
WITH zone AS (UPDATE template_version_presets SET scheduling_timezone = 'UTC' WHERE name = 'nowhere')
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression) VALUES (pg_temp.id(11), '* 12 * * 5');
SELECT * FROM pg_temp.schedules;

-- In every isolation level; and a preset comes and goes with its schedules.
BEGIN ISOLATION LEVEL SERIALIZABLE;
WITH preset AS (
    INSERT INTO template_version_presets (id, template_version_id, name, scheduling_timezone)
    VALUES (pg_temp.id(13), pg_temp.id(3), 'new', 'UTC') RETURNING id
)
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression) SELECT id, '* 12 * * 5' FROM preset;
COMMIT;
DELETE FROM template_version_presets WHERE name = 'new';
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression) VALUES (pg_temp.id(12), '* 10 5 * *');
ROLLBACK;

-- A writer needs no right but that on the table, and his search_path and operators do not matter.
CREATE ROLE regress_schedule_writer;
GRANT USAGE ON SCHEMA prebuilds TO regress_schedule_writer;
GRANT SELECT, INSERT, UPDATE ON template_version_preset_prebuild_schedules TO regress_schedule_writer;
CREATE SCHEMA hers;
GRANT USAGE ON SCHEMA hers TO regress_schedule_writer;
CREATE FUNCTION hers.never(uuid, uuid) RETURNS boolean LANGUAGE sql RETURN false;
CREATE OPERATOR hers.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = hers.never);
SET ROLE regress_schedule_writer;
SET search_path = hers, pg_catalog;
INSERT INTO prebuilds.template_version_preset_prebuild_schedules (preset_id, cron_expression) VALUES (pg_temp.id(12), '* 10 5 * *');
INSERT INTO prebuilds.template_version_preset_prebuild_schedules (preset_id, cron_expression) VALUES (pg_temp.id(12), '* 11 5 * *');
RESET ROLE;
SET search_path = prebuilds, public;
DROP OPERATOR hers.= (uuid, uuid);
DROP FUNCTION hers.never;
DROP SCHEMA hers;

-- With triggers off anything can be stored, and the next write of that preset says so.
SET session_replication_role = replica;
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression) VALUES (pg_temp.id(12), 'never');
RESET session_replication_role;
UPDATE template_version_preset_prebuild_schedules SET desired_instances = 1 WHERE preset_id = pg_temp.id(12);
UPDATE template_version_preset_prebuild_schedules SET desired_instances = 1 WHERE preset_id = pg_temp.id(10);

DROP OWNED BY regress_schedule_writer;
DROP ROLE regress_schedule_writer;
RESET search_path;
DROP VIEW pg_temp.schedules;
DROP EXTENSION pg_prebuilds;
