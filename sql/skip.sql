-- A preset with nothing to do costs no write and no lock; what may be skipped is filtered before it is read.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('in balance', desired => 2);
CALL fixture.preset('starting', desired => 2);
CALL fixture.preset('empty', desired => 0);
CALL fixture.preset('none', desired => NULL);
CALL fixture.version('v0', activate => false);
CALL fixture.preset('inactive', desired => 5, version => 'v0');
CALL fixture.preset('draining', desired => 5, version => 'v0');
SELECT count(fixture.ready('r' || n, 'in balance')) FROM generate_series(1, 2) n;
SELECT count(fixture.prebuild('start', 'running', 'starting')) FROM generate_series(1, 2) n;
SELECT count(fixture.prebuild('start', 'running', 'draining', version => 'v0')), count(fixture.prebuild('start', 'failed', 'draining', version => 'v0')),
       count(fixture.prebuild('delete', 'pending', 'draining', version => 'v0')), count(fixture.prebuild('stop', 'succeeded', 'in balance'));
-- What it goes by: counts of pools. Stopped prebuilds and those on their way out count in none of them.
SELECT t.name, p.running, p.starting, p.pending, p.failed_starts FROM prebuilds.pools p JOIN template_version_presets t ON t.id = p.preset_id ORDER BY t.name;
-- The first pass of all makes the members, and compares what triggers derive.
SELECT created, deleted FROM prebuilds_reconcile_all(fixture.noon());

CREATE VIEW fixture.written AS
SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) AS rows FROM pg_stat_xact_user_tables WHERE schemaname = 'prebuilds';
BEGIN;
SELECT rows AS before FROM fixture.written \gset
SELECT presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon());
SELECT rows - :before AS written FROM fixture.written;
SELECT pg_current_xact_id_if_assigned() AS transaction_id;
SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text ~ '^(prebuilds[.])?[a-z_]+$' AND mode <> 'AccessShareLock';
COMMIT;
SELECT count(*) FROM prebuilds_plan(fixture.noon());

-- One that needs something is the only one to be counted; one with a schedule is looked at, and skipped.
SELECT prebuilds_set_desired(fixture.id('empty'), 1);
CALL fixture.preset('scheduled', desired => 0);
UPDATE template_version_presets SET scheduling_timezone = 'UTC' WHERE name = 'scheduled';
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances) VALUES (fixture.id('scheduled'), '* 3 * * *', 3);
SELECT presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon());
SELECT presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon());
-- In balance, and its status wrong: the status is put right.
UPDATE template_version_presets SET prebuild_status = 'validation_failed' WHERE name = 'in balance';
SELECT presets_total, presets_reconciled, created FROM prebuilds_reconcile_all(fixture.noon());
SELECT name, prebuild_status FROM template_version_presets WHERE name = 'in balance';
SELECT presets_total, presets_reconciled, created FROM prebuilds_reconcile_all(fixture.noon());
-- That no workspace can be built is found out by a create that is needed; until then it is shown, and nothing else.
INSERT INTO template_version_parameters (id, template_version_id, name) VALUES (fixture.id('region'), fixture.id('v1'), 'region');
SELECT presets_total FROM prebuilds_reconcile_all(fixture.noon());
SELECT presets_total FROM prebuilds_reconcile_preset(fixture.id('in balance'), fixture.noon());
SELECT s.preset_name, s.prebuild_status = p.prebuild_status::text AS as_stored, p.prebuild_status, s.problem
  FROM prebuilds_status(fixture.noon()) s JOIN template_version_presets p ON p.id = s.preset_id WHERE p.name = 'in balance';
DELETE FROM template_version_parameters;
SELECT count(fixture.prebuild('start', 'failed', 'in balance', age => '1 min')) FROM generate_series(1, 3) n;
SELECT presets_total, presets_reconciled, created FROM prebuilds_reconcile_all(fixture.noon());
SELECT name, prebuild_status FROM template_version_presets WHERE name = 'in balance';
SELECT presets_total, presets_reconciled, created FROM prebuilds_reconcile_all(fixture.noon());

-- Active are presets of the active version of a template, which has to be a version of its own, neither deleted nor
-- deprecated. (Read without a statement, and shown by a view.)
CREATE VIEW fixture.differently_active AS
WITH active AS (
    SELECT p.* FROM template_version_presets p JOIN template_versions v ON v.id = p.template_version_id
      JOIN templates t ON t.id = v.template_id AND t.active_version_id = v.id
     WHERE p.desired_instances IS NOT NULL AND NOT t.deleted AND t.deprecated = '')
(TABLE active EXCEPT TABLE active_presets) UNION ALL (TABLE active_presets EXCEPT TABLE active);
CREATE FUNCTION fixture.active(change text) RETURNS TABLE (active bigint, differently bigint) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE change;
    RETURN QUERY SELECT count(*), (SELECT count(*) FROM fixture.differently_active) FROM active_presets;
END $$;
ALTER TABLE templates DISABLE TRIGGER USER;
SELECT * FROM fixture.active('SELECT');
SELECT * FROM fixture.active($$UPDATE templates SET deprecated = 'no more' WHERE name = 'web'$$);
SELECT * FROM fixture.active($$UPDATE templates SET deprecated = '', deleted = true WHERE name = 'web'$$);
SELECT * FROM fixture.active($$UPDATE templates SET deleted = false, active_version_id = fixture.id('v1')$$);
SELECT * FROM fixture.active($$UPDATE templates SET active_version_id = fixture.id('v0')$$);
SELECT * FROM fixture.active($$UPDATE templates SET active_version_id = NULL WHERE name = 'web'$$);
SELECT * FROM fixture.active($$UPDATE templates SET active_version_id = fixture.id('none')$$);
ALTER TABLE templates ENABLE TRIGGER USER;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
