-- A batch of housekeeping reads what it changes, and no more: neither what waits for the next batches nor what stays,
-- whenever it was planned: while tables were empty, without statistics, with statistics of another time.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
DO $$ BEGIN FOR n IN 1 .. 100 LOOP CALL fixture.template('t' || n); END LOOP; END $$;
CALL fixture.preset('p', desired => 0);
SELECT count(fixture.ready('built'));

-- Nobody but this test collects statistics.
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);
    END LOOP;
END
$$;

-- What is not folded yet.
CREATE PROCEDURE fixture.happen(n integer)
    LANGUAGE sql AS $$
    INSERT INTO prebuild_events (id, created_at, preset_id, event_type)
    SELECT uuid_v7(fixture.noon()), fixture.noon(), fixture.id('p'), 'claim_succeeded' FROM generate_series(1, n);
    INSERT INTO metric_observations (id, created_at, template_id, metric, seconds)
    SELECT uuid_v7(fixture.noon()), fixture.noon(), fixture.id('web'), 'coderd_prebuilt_workspace_claim_wait_seconds', 1 FROM generate_series(1, n);
    INSERT INTO reconcile_passes (created_at, created) SELECT fixture.noon(), 1 FROM generate_series(1, n);
$$;
-- What is n rows of each kind, some days ago.
CREATE PROCEDURE fixture.history(n integer, age interval)
    LANGUAGE sql AS $$
    INSERT INTO prebuild_events (preset_id, event_type, created_at, folded)
    SELECT fixture.id('p'), e, fixture.noon() - age, true FROM generate_series(1, n), unnest('{claim_succeeded,claim_missed}'::text[]) AS e;
    INSERT INTO reconcile_passes (created, created_at, folded) SELECT 1, fixture.noon() - age, true FROM generate_series(1, n);
    INSERT INTO notifications (kind, user_id, delivered_at) SELECT 'delivered', fixture.id('prebuilds'), fixture.noon() - age FROM generate_series(1, n);
    INSERT INTO preset_failures (preset_id, created_at, sqlstate, message)
    SELECT fixture.id('p'), fixture.noon() - age, '22023', 'no' FROM generate_series(1, n);
    INSERT INTO provisioner_job_logs (job_id, created_at) SELECT job_id, fixture.noon() - age FROM live_prebuilds, generate_series(1, n);
    INSERT INTO provisioner_jobs (organization_id, initiator_id, started_at, completed_at)
    SELECT fixture.id('acme'), fixture.id('prebuilds'), fixture.noon() - age, fixture.noon() - age FROM generate_series(1, n);
$$;

CREATE TABLE fixture.observations (circumstances text, operation text, relation text, tuples bigint);
CREATE VIEW fixture.reads AS
SELECT s.relname AS relation, s.seq_tup_read + coalesce(s.idx_tup_fetch, 0) AS tuples
  FROM pg_stat_xact_user_tables AS s WHERE s.schemaname = 'prebuilds';
CREATE PROCEDURE fixture.observe(circumstances text, operation text, statement text)
    LANGUAGE plpgsql AS $$
DECLARE
    before constant jsonb := (SELECT jsonb_object_agg(r.relation, r.tuples) FROM fixture.reads AS r);
BEGIN
    EXECUTE statement;
    INSERT INTO fixture.observations
    SELECT circumstances, operation, r.relation, r.tuples - (before ->> r.relation)::bigint FROM fixture.reads AS r;
END
$$;
-- A job that nobody works at any more.
CREATE PROCEDURE fixture.hang()
    LANGUAGE plpgsql AS $$
DECLARE
    workspace constant uuid := fixture.prebuild('start', 'running');
BEGIN
    UPDATE provisioner_jobs SET updated_at = fixture.noon() - interval '1 day'
     WHERE id IN (SELECT job_id FROM workspace_builds WHERE workspace_id = workspace);
END
$$;
-- More often than plans are made anew for the values at hand, 10 rows of a kind at a time.
CREATE PROCEDURE fixture.batches(circumstances text)
    LANGUAGE plpgsql AS $$
BEGIN
    FOR n IN 1 .. 8 LOOP
        CALL fixture.observe(circumstances, 'fold', 'SELECT prebuilds.fold_metrics(10)');
        CALL fixture.observe(circumstances, 'prune', 'SELECT prebuilds.prune_history(fixture.noon(), 10)');
        CALL fixture.hang();
        CALL fixture.observe(circumstances, 'reap', 'SELECT prebuilds.reap_jobs(fixture.noon())');
    END LOOP;
END
$$;

CALL fixture.batches('nothing');
CALL fixture.happen(500);
CALL fixture.history(500, '8 days');
CALL fixture.history(500, '1 day');
CALL fixture.batches('plans of nothing');
\c
SET search_path = prebuilds, public;
CALL fixture.batches('no statistics');
ANALYZE;
\c
SET search_path = prebuilds, public;
CALL fixture.batches('statistics');
-- In between everything is folded, so that the list of what is not seems to be empty.
SELECT fold_metrics() > 0 AS folded;
VACUUM ANALYZE;
CALL fixture.happen(500);
CALL fixture.batches('plans of old statistics');
\c
SET search_path = prebuilds, public;
CALL fixture.batches('old statistics');

-- Each row is chosen, locked and changed; of the events there are two kinds of history.
SELECT circumstances, operation, relation, min(tuples) AS least, max(tuples) AS most FROM fixture.observations
 GROUP BY 1, 2, 3 HAVING max(tuples) > 4 * 10
 ORDER BY 1, 2, 3;
-- There was something to do, every time.
SELECT circumstances, bool_and(reads) AS reads FROM (
    SELECT circumstances, operation, sum(tuples) > 0 AS reads FROM fixture.observations GROUP BY 1, 2) AS o
 WHERE circumstances <> 'nothing' GROUP BY 1 ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
RESET search_path;
DROP EXTENSION pg_prebuilds;
