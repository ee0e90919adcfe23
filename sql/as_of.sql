-- Everything that depends on time can be asked for another instant, by operators.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.preset('p', desired => 1);
UPDATE template_version_presets SET invalidate_after_secs = 3600, scheduling_timezone = 'Europe/Berlin' WHERE name = 'p';
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances) VALUES (fixture.id('p'), '* 9 * * *', 2);
SELECT count(fixture.ready('r'));

-- Infinite is no instant; as far away as timestamps go is one.
SELECT count(*) FROM prebuilds_reconcile_all('infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM prebuilds_reconcile_preset(fixture.id('p'), '-infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM prebuilds_plan('infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM prebuilds_status('-infinity');
\echo :LAST_ERROR_SQLSTATE
SELECT as_of, s.desired, s.desired_source, s.actual, s.expired
  FROM unnest('{4714-11-24 00:00 BC, 0001-06-01 07:30 BC, 1970-01-01, 9999-12-31 23:59, 294276-12-31 23:59:59.999999}'::timestamptz[]) AS as_of, LATERAL prebuilds_status(as_of) s;
SELECT as_of, p.action, p.count FROM unnest('{4714-11-24 00:00 BC, 294276-12-31 23:59:59.999999}'::timestamptz[]) AS as_of, LATERAL prebuilds_plan(as_of) p;
BEGIN;
CALL fixture.preset('q', desired => 1);
SELECT created, deleted, errors FROM prebuilds_reconcile_all('4714-11-24 00:00 BC');
SELECT created, deleted, errors FROM prebuilds_reconcile_all('294276-12-31 23:59:59.999999');
ROLLBACK;

-- A workspace from the end of time never expires, and one from the beginning always has.
BEGIN;
UPDATE workspaces SET created_at = '294276-12-31 23:59+00';
SELECT created, deleted FROM prebuilds_reconcile_all(fixture.noon());
UPDATE workspaces SET created_at = 'infinity' WHERE NOT deleted;
SELECT created, deleted FROM prebuilds_reconcile_all(fixture.noon());
UPDATE workspaces SET created_at = '-infinity' WHERE id = fixture.id('r');
SELECT created, deleted FROM prebuilds_reconcile_all(fixture.noon());
ROLLBACK;

-- So far away nothing has expired, nothing is overdue, and nothing overflows.
BEGIN;
CALL fixture.person('bob');
SELECT prebuilds_claim(fixture.id('p'), fixture.id('bob'), 'early', as_of => '4714-11-24 00:00 BC') = fixture.id('r') AS claimed;
ROLLBACK;
SELECT count(*) FROM prebuilds_reap_jobs('4714-11-24 00:00 BC');
SELECT count(*) FROM prebuilds_reap_jobs('294276-12-31 23:59:59.999999');

-- All that is written carries it; NULL is now.
CREATE FUNCTION fixture.rows_of_another_instant(as_of timestamptz) RETURNS TABLE (table_name name, rows bigint) LANGUAGE plpgsql AS $$
BEGIN
    FOR table_name IN SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'created_at'
                       WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('SELECT count(*) FROM prebuilds.%I WHERE created_at <> $1', table_name) INTO rows USING as_of;
        RETURN NEXT;
    END LOOP;
END
$$;
CALL fixture.person('ann');
INSERT INTO template_version_parameters (template_version_id, name, required, default_value) VALUES (fixture.id('v1'), 'region', false, 'eu');
INSERT INTO template_version_preset_parameters (template_version_preset_id, name, value) VALUES (fixture.id('p'), 'size', 'small');
INSERT INTO workspace_build_parameters (workspace_build_id, name, value) SELECT id, 'size', 'small' FROM workspace_builds;
CALL fixture.preset('without prebuilds', desired => NULL);
CREATE TABLE fixture.before AS SELECT * FROM fixture.rows_of_another_instant('2030-01-01 12:00+00');
SELECT created, deleted FROM prebuilds_reconcile_all('2030-01-01 12:00+00');
SELECT claimed FROM prebuilds_create_workspace(fixture.id('web'), fixture.id('ann'), 'w', preset_id => fixture.id('without prebuilds'), as_of => '2030-01-01 12:00+00');
SELECT * FROM fixture.rows_of_another_instant('2030-01-01 12:00+00') EXCEPT TABLE fixture.before;
SELECT DISTINCT w.created_at, w.updated_at FROM workspaces w WHERE name ~ '^prebuild-';
SELECT count(*) AS parameters, count(*) FILTER (WHERE p.id::text !~ '^.{14}7') AS not_version_7
  FROM workspace_build_parameters p WHERE p.created_at = '2030-01-01 12:00+00';
SELECT created_at FROM reconcile_passes;
DELETE FROM workspaces;
DELETE FROM template_version_preset_prebuild_schedules;
SELECT created FROM prebuilds_reconcile_all(NULL);
SELECT created_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS now FROM workspaces;
DELETE FROM workspaces;
SELECT created FROM prebuilds_reconcile_preset(fixture.id('p'));
SELECT created_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS now FROM workspaces;

-- A claim writes the last instant that there is as it was told.
BEGIN;
UPDATE template_version_presets SET invalidate_after_secs = NULL WHERE id = fixture.id('p');
CALL fixture.person('bob');
SELECT count(fixture.ready('late'));
SELECT prebuilds_claim(fixture.id('p'), fixture.id('bob'), 'late', as_of => '294276-12-31 23:59:59.999999+00') = fixture.id('late') AS claimed;
SELECT w.updated_at, w.last_used_at, b.created_at AS built_at
FROM workspaces w JOIN workspace_builds b ON b.workspace_id = w.id AND b.build_number = 2 WHERE w.id = fixture.id('late');
ROLLBACK;

-- Whoever is allowed to look may look at now; only an operator may at another instant.
CREATE ROLE as_of_observer;
CREATE ROLE as_of_operator;
SELECT prebuilds_grant('as_of_observer', 'observer'), prebuilds_grant('as_of_operator', 'operator');
SET ROLE as_of_observer;
SELECT count(*) >= 0 AS allowed FROM prebuilds_plan();
SELECT count(*) >= 0 AS allowed FROM prebuilds_status();
SELECT count(*) FROM prebuilds_plan('2025-06-02 12:00+00');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM prebuilds_status('2025-06-02 12:00+00');
\echo :LAST_ERROR_SQLSTATE
SELECT count(*) FROM prebuilds_reconcile_all();
\echo :LAST_ERROR_SQLSTATE
SET ROLE as_of_operator;
SELECT count(*) >= 0 AS allowed FROM prebuilds_plan('2025-06-02 12:00+00');
SELECT count(*) >= 0 AS allowed FROM prebuilds_status('2025-06-02 12:00+00');
SELECT count(*) AS allowed FROM prebuilds_reconcile_all('2030-06-02 12:00+00');
RESET ROLE;
SET client_min_messages = warning;
DROP OWNED BY as_of_observer, as_of_operator;
DROP ROLE as_of_observer;
DROP ROLE as_of_operator;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
