-- Failed builds slow a preset's creates down (backoff), and stop them when nothing but failures is left (hard limit).
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();

-- A history: F failed, S succeeded and C canceled builds, minutes ago; the last is the newest. What succeeded has been
-- started again, so that it is there, and none of it is ready.
CREATE PROCEDURE fixture.history(preset text, history text)
LANGUAGE plpgsql AS $$
DECLARE
    build text[];
BEGIN
    FOR build IN SELECT m FROM regexp_matches(history, '([FSC])-(\d+)', 'g') AS m LOOP
        PERFORM fixture.prebuild('start', CASE build[1] WHEN 'F' THEN 'failed' WHEN 'S' THEN 'succeeded' ELSE 'canceled' END, preset,
                                 age => build[2]::int * interval '1 minute');
    END LOOP;
END
$$;

-- Backoff counts builds within an hour, if one of the newest as many as are desired has failed.
SET prebuilds.failure_hard_limit = 0;
SET prebuilds.reconciliation_backoff_interval = '10min';
CREATE FUNCTION fixture.backoff(desired int, history text, as_of timestamptz DEFAULT fixture.noon())
    RETURNS TABLE (num_failed int, backoff_until timestamptz, plan text)
LANGUAGE plpgsql AS $$
BEGIN
    CALL fixture.preset('b', backoff.desired);
    CALL fixture.history('b', backoff.history);
    SELECT s.num_failed, s.backoff_until INTO num_failed, backoff_until FROM prebuilds_status(as_of) s;
    SELECT string_agg(concat_ws(' ', p.action, p.count, p.reason), '; ') INTO plan FROM fixture.plan(as_of) p;
    DELETE FROM workspaces WHERE name ~ '^fixture';
    DELETE FROM template_version_presets WHERE name = 'b';
    RETURN NEXT;
END
$$;
SELECT v.*, b.* FROM (VALUES
    (1, 'F-4'),
    (1, 'F-2 S-1'),
    (3, 'F-4 S-3 S-2 S-1'),
    (3, 'F-61 F-4 F-3 S-2 S-1'),
    (1, 'F-61'),
    (1, 'F-60'),
    (0, 'F-4'),
    (2, 'F-4 C-2'),
    (1, 'F-4 C-2'),
    (5, 'F-30 F-20 F-10'),
    (2, 'F-70 F-1')) AS v (desired, history) CROSS JOIN LATERAL fixture.backoff(desired, history) AS b;

-- It ends at the last failure's end and a step per failure: then, and not before, something is created.
SET prebuilds.reconciliation_backoff_interval = '5s';
CALL fixture.preset('p', desired => 1);
SELECT count(fixture.prebuild('start', 'failed', age => '10 minutes'));
SELECT as_of, plan.* FROM unnest(ARRAY[fixture.noon(), fixture.noon() + interval '5 s', fixture.noon() + interval '5.000001 s']) AS as_of,
       LATERAL (SELECT action, count, reason, retry_at FROM fixture.plan(as_of)) plan;
SELECT desired, num_failed, backoff_until, problem FROM prebuilds_status(fixture.noon());
SELECT created FROM prebuilds_reconcile_all(fixture.noon() + interval '5 s');
SELECT count(*) AS stored FROM template_version_presets WHERE prebuild_status <> 'healthy';
-- Deletes are not held back.
SELECT count(fixture.ready('old', age => '1 day'));
UPDATE template_version_presets SET invalidate_after_secs = 80000 WHERE name = 'p';
SELECT action, cause, count, prebuilds, reason, retry_at FROM fixture.plan();
SELECT created, deleted FROM prebuilds_reconcile_all(fixture.noon());
SELECT created, deleted FROM prebuilds_reconcile_all(fixture.noon() + interval '5.000001 s');
-- N is what is desired now, by the schedule if there is one.
CALL fixture.preset('scheduled', desired => 0);
UPDATE template_version_presets SET scheduling_timezone = 'UTC' WHERE name = 'scheduled';
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances) VALUES (fixture.id('scheduled'), '* 12 * * *', 3);
CALL fixture.history('scheduled', 'F-15 C-3 C-2');
SELECT as_of, s.desired, s.num_failed, s.backoff_until
  FROM unnest(ARRAY[fixture.noon(), fixture.noon() - interval '1 s']) AS as_of, LATERAL (SELECT * FROM prebuilds_status(as_of)) s WHERE preset_name = 'scheduled';
DELETE FROM template_version_presets WHERE name IN ('p', 'scheduled');
DELETE FROM workspaces WHERE name !~ '^antagonist';

-- What is a failure: of this preset and this version, a start, the latest build of a workspace of ours.
SET prebuilds.reconciliation_backoff_interval = '10min';
CALL fixture.preset('p', desired => 9);
CALL fixture.version('v0', activate => false);
CALL fixture.preset('of v0', version => 'v0');
CALL fixture.person('ann');
SELECT count(fixture.prebuild('start', 'failed', 'p', 'of another version', 'v0', '5 min')),
       count(fixture.prebuild('start', 'failed', 'of v0', 'of another preset', 'v1', '5 min')),
       count(fixture.prebuild('stop', 'failed', 'p', 'a stop', 'v1', '5 min')),
       count(fixture.prebuild('delete', 'failed', 'p', 'a delete', 'v1', '5 min')),
       count(fixture.prebuild('start', 'failed', 'p', 'a person''s', 'v1', '5 min', owner => 'ann')),
       count(fixture.prebuild('start', 'failed', NULL, 'without preset', 'v1', '5 min')),
       count(fixture.build(fixture.prebuild('start', 'failed', 'p', 'built again', 'v1', '5 min'), 'start', 'succeeded', 'v1', 'p', '4 min')),
       count(fixture.prebuild('start', 'failed', 'p', 'deleted', 'v1', '5 min'));
UPDATE workspaces SET deleted = true WHERE name = 'deleted';
SELECT preset_name, num_failed, failed, backoff_until FROM prebuilds_status(fixture.noon());
SELECT count(fixture.prebuild('start', 'failed', 'p', 'asked for by a person', 'v1', '5 min', initiator => 'ann')),
       count(fixture.prebuild('start', 'failed', 'p', 'of a version that is active in its template', 'antagonist v1', '5 min'));
SELECT preset_name, num_failed, failed, backoff_until FROM prebuilds_status(fixture.noon());
DELETE FROM workspaces WHERE name !~ '^antagonist';
DELETE FROM template_version_presets;

-- Hard limit: the newest L builds all failed, however long ago.
SET prebuilds.reconciliation_backoff_lookback = '1ms';
CREATE FUNCTION fixture.hard_limit(lim int, history text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    outcome text;
BEGIN
    PERFORM set_config('prebuilds.failure_hard_limit', lim::text, true);
    CALL fixture.preset('h', 10);
    CALL fixture.history('h', history);
    SELECT string_agg(concat_ws(' ', p.action, p.cause, p.count, p.reason), '; ') INTO outcome FROM fixture.plan() p;
    DELETE FROM workspaces WHERE name ~ '^fixture';
    DELETE FROM template_version_presets WHERE name = 'h';
    RETURN outcome;
END
$$;
SELECT v.*, fixture.hard_limit(l, history) AS plan FROM (VALUES
    (1, 'F-300'), (1, 'S-3 S-2 F-1'), (1, 'F-3 F-2 S-1'), (3, 'S-5 S-4 F-3 F-2 F-1'), (3, 'F-5 F-4 S-3 F-2 F-1'),
    (0, 'F-5 F-4 F-3 F-2 F-1'), (3, 'F-2 F-1'), (3, 'F-4 F-3 F-2 C-1')) AS v (l, history);
RESET prebuilds.reconciliation_backoff_lookback;
RESET prebuilds.reconciliation_backoff_interval;

-- The first pass that sees it stores it and tells the template admins, once; deletes go on; later passes only show it.
SET prebuilds.failure_hard_limit = 3;
CALL fixture.person('ada'); CALL fixture.person('bob'); CALL fixture.person('cid'); CALL fixture.person('dan'); CALL fixture.person('eve'); CALL fixture.person('fay');
UPDATE users SET rbac_roles = '{template-admin}' WHERE username IN ('ada', 'fay', 'prebuilds');
UPDATE users SET rbac_roles = '{owner, template-admin}' WHERE username = 'bob';
UPDATE users SET deleted = true WHERE username = 'fay';
INSERT INTO organizations (id, name) VALUES (fixture.id('other'), 'other');
INSERT INTO organization_members (organization_id, user_id, roles) VALUES
    (fixture.id('acme'), fixture.id('ada'), '{organization-admin}'), (fixture.id('acme'), fixture.id('cid'), '{organization-template-admin}'),
    (fixture.id('other'), fixture.id('dan'), '{organization-template-admin}'), (fixture.id('acme'), fixture.id('eve'), '{member}');
CALL fixture.preset('p', desired => 2);
CALL fixture.preset('fine', desired => 1);
CALL fixture.history('p', 'F-300 F-200 F-190');
SELECT count(fixture.ready('r' || n)) FROM generate_series(1, 3) n;
UPDATE workspaces SET created_at = fixture.noon() - interval '1 day' WHERE name ~ '^r';
UPDATE workspace_builds SET created_at = fixture.noon() - interval '1 day' WHERE workspace_id IN (SELECT id FROM workspaces WHERE name ~ '^r');
UPDATE template_version_presets SET invalidate_after_secs = 80000 WHERE name = 'p';
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT * FROM fixture.passes(8);
SELECT name, prebuild_status FROM template_version_presets ORDER BY name;
SELECT u.username, n.created_at, n.kind, n.payload - 'preset_id' AS payload, n.payload ->> 'preset_id' = fixture.id('p')::text AS of_preset
  FROM notifications n JOIN users u ON u.id = n.user_id ORDER BY u.username;
SELECT preset_name, failed, prebuild_status, num_failed, backoff_until, problem FROM prebuilds_status(fixture.noon());

-- Without the failed prebuilds it is healthy again by itself.
SELECT count(*) AS deleting FROM prebuilds_delete_failed(fixture.id('p'));
CALL fixture.provision();
SELECT preset, action, cause, count FROM fixture.plan();
SELECT created FROM fixture.passes(2);
SELECT name, prebuild_status FROM template_version_presets ORDER BY name;
CALL fixture.provision();

-- Or after a reset, that keeps the evidence; failures after it count again. Nobody is told twice of one cause.
CALL fixture.history('p', 'F-3 F-2 F-1');
SELECT preset, action, cause, count FROM fixture.plan();
SELECT prebuilds_set_desired(fixture.id('p'), 4);
SELECT preset, action, cause, count FROM fixture.plan();
SELECT created FROM fixture.passes(2);
SELECT count(*) AS notifications FROM notifications;
SELECT prebuilds_reset_preset(fixture.id('p')), prebuilds_reset_preset(fixture.id('p'));
SELECT failures_reset_at IS NOT NULL AS reset, prebuild_status FROM template_version_presets WHERE name = 'p';
UPDATE template_version_presets SET failures_reset_at = fixture.noon() - interval '2 minutes' WHERE name = 'p';
SELECT preset_name, failed, prebuild_status, num_failed, problem FROM prebuilds_status(fixture.noon());
UPDATE template_version_presets SET failures_reset_at = fixture.noon() WHERE name = 'p';
SELECT preset_name, failed, prebuild_status, num_failed, problem FROM prebuilds_status(fixture.noon());
SELECT created FROM fixture.passes(2);

-- An inactive preset has neither.
CALL fixture.version('v2');
UPDATE template_version_presets SET failures_reset_at = NULL;
SELECT preset_name, active, prebuild_status, num_failed, backoff_until, problem FROM prebuilds_status(fixture.noon());

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
