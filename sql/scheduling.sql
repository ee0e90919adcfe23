-- The desired count follows the schedule that contains now in the preset's zone.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();

CREATE PROCEDURE fixture.schedule(preset text, cron text, instances int)
    LANGUAGE sql AS $$
    INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
    VALUES (fixture.id(preset), cron, instances)
$$;
CREATE FUNCTION fixture.desired(preset text, as_of timestamptz) RETURNS text
    LANGUAGE sql RETURN (SELECT concat_ws(' ', s.desired, s.desired_source, s.problem) FROM prebuilds_status(as_of) s WHERE s.preset_name = preset);

-- Monday to Friday, from nine to seven.
CALL fixture.preset('office', desired => 1);
UPDATE template_version_presets SET scheduling_timezone = 'UTC' WHERE name = 'office';
CALL fixture.schedule('office', '* 9-18 * * 1-5', 3);
SELECT to_char(t, 'Dy YYYY-MM-DD HH24:MI:SS.US') AS as_of, fixture.desired('office', t)
  FROM unnest('{2025-06-02 08:59:59, 2025-06-02 08:59:59.999999, 2025-06-02 09:00:00, 2025-06-02 14:00, 2025-06-02 18:59:59,
                2025-06-02 18:59:59.999999, 2025-06-02 19:00:00, 2025-06-02 02:00, 2025-06-06 18:59:59, 2025-06-07 14:00, 2025-06-08 14:00,
                1969-12-31 10:00, 1900-01-01 10:00, 2101-01-03 10:00}'::timestamptz[]) t;
-- A pass follows it both ways.
SELECT t, p.created, p.deleted FROM unnest('{2025-06-02 08:59:59, 2025-06-02 09:00:00}'::timestamptz[]) t, LATERAL prebuilds_reconcile_all(t) p;
CALL fixture.provision('2025-06-02 09:10');
SELECT t, p.created, p.deleted FROM unnest('{2025-06-02 18:59:59.999999, 2025-06-02 19:00:00, 2025-06-02 19:00:15}'::timestamptz[]) t, LATERAL prebuilds_reconcile_all(t) p;

-- Elsewhere.
CALL fixture.preset('west', desired => 1);
UPDATE template_version_presets SET scheduling_timezone = 'America/Los_Angeles' WHERE name = 'west';
CALL fixture.schedule('west', '* 9-13 * * 1-5', 3);
SELECT t, fixture.desired('west', t)
  FROM unnest('{2025-06-02 15:00, 2025-06-02 15:59:59.999999, 2025-06-02 16:00, 2025-06-02 20:59, 2025-06-02 21:00, 2025-12-01 16:30, 2025-12-01 17:00}'::timestamptz[]) t;

-- Three of them.
CALL fixture.preset('shifts', desired => 1);
UPDATE template_version_presets SET scheduling_timezone = 'UTC' WHERE name = 'shifts';
CALL fixture.schedule('shifts', '* 6-10 * * 1-5', 2);
CALL fixture.schedule('shifts', '* 12-16 * * 1-5', 3);
CALL fixture.schedule('shifts', '* 18-22 * * 1-5', 4);
SELECT hour, fixture.desired('shifts', '2025-06-02'::timestamptz + hour * interval '1 hour') FROM unnest('{5, 8, 11, 14, 20, 23}'::int[]) hour;

-- An hour that the zone skips never comes, one that it repeats comes twice.
CALL fixture.preset('night', desired => 1);
UPDATE template_version_presets SET scheduling_timezone = 'Europe/Berlin' WHERE name = 'night';
CALL fixture.schedule('night', '* 2 * * *', 5);
SELECT t, t AT TIME ZONE 'Europe/Berlin' AS in_berlin, fixture.desired('night', t)
  FROM unnest('{2025-03-29 01:00, 2025-03-30 00:59:59.999999, 2025-03-30 01:00, 2025-10-25 23:59, 2025-10-26 00:00, 2025-10-26 00:59:59.999999, 2025-10-26 01:00,
                2025-10-26 01:59:59.999999, 2025-10-26 02:00}'::timestamptz[]) t;

-- Zero is a count; without any running, and inactive, the schedule is not asked.
CALL fixture.preset('off at night', desired => 2);
UPDATE template_version_presets SET scheduling_timezone = 'Asia/Kolkata' WHERE name = 'off at night';
CALL fixture.schedule('off at night', '* 20-23,0-5 * * *', 0);
SELECT t, t AT TIME ZONE 'Asia/Kolkata' AS in_kolkata, fixture.desired('off at night', t)
  FROM unnest('{2025-06-02 14:29:59, 2025-06-02 14:30, 2025-06-03 00:29:59, 2025-06-03 00:30}'::timestamptz[]) t;

-- Rows that should not be there, loaded with triggers off: the static count, at all times, and why.
SET session_replication_role = replica;
CALL fixture.preset('bad cron', desired => 7);
UPDATE template_version_presets SET scheduling_timezone = 'UTC' WHERE name = 'bad cron';
CALL fixture.schedule('bad cron', '* 9-18 * * *', 3);
CALL fixture.schedule('bad cron', '* 25 * * *', 3);
CALL fixture.preset('bad zone', desired => 7);
UPDATE template_version_presets SET scheduling_timezone = 'Europe/Berln1' WHERE name = 'bad zone';
CALL fixture.schedule('bad zone', '* 9-18 * * *', 3);
CALL fixture.preset('no zone', desired => 7);
CALL fixture.schedule('no zone', '* 9-18 * * *', 3);
CALL fixture.preset('overlap', desired => 7);
UPDATE template_version_presets SET scheduling_timezone = 'UTC' WHERE name = 'overlap';
CALL fixture.schedule('overlap', '* 9-14 * * *', 3);
CALL fixture.schedule('overlap', '* 12-18 * * *', 4);
CALL fixture.preset('zone only', desired => 7);
UPDATE template_version_presets SET scheduling_timezone = 'nonsense' WHERE name = 'zone only';
RESET session_replication_role;
SELECT preset_name, desired, desired_source, regexp_replace(problem, '(schedules ")\* (9-14|12-18).*', '\1...') AS problem
  FROM prebuilds_status(fixture.noon()) WHERE preset_name ~ '^bad|^no zone|^overlap|^zone';
SELECT preset, action, count FROM fixture.plan() WHERE preset ~ '^bad|^no zone|^overlap|^zone';
SELECT created, errors FROM prebuilds_reconcile_all(fixture.noon());
DELETE FROM template_version_preset_prebuild_schedules WHERE cron_expression IN ('* 25 * * *', '* 12-18 * * *');
SELECT preset_name, desired, desired_source, regexp_replace(problem, 'no live provisioner.*', '...') AS problem FROM prebuilds_status(fixture.noon()) WHERE preset_name IN ('bad cron', 'overlap');
CALL fixture.version('v2');
SELECT preset_name, desired, desired_source FROM prebuilds_status(fixture.noon());

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
