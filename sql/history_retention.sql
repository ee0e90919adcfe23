-- Housekeeping folds what metrics are made of, then deletes what prebuilds.history_retention no longer keeps: nothing
-- that is not folded, and no evidence that is still needed.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.preset('p', desired => 0);
SELECT count(fixture.ready('ready'));

-- A row of each kind for each age in days.
CREATE PROCEDURE fixture.history(VARIADIC days integer[])
    LANGUAGE plpgsql AS $$
DECLARE
    age interval;
BEGIN
    FOREACH age IN ARRAY (SELECT array_agg(make_interval(days => d)) FROM unnest(days) AS d) LOOP
        INSERT INTO prebuild_events (preset_id, event_type, created_at)
        VALUES (fixture.id('p'), 'claim_succeeded', fixture.noon() - age), (fixture.id('p'), 'claim_missed', fixture.noon() - age);
        INSERT INTO reconcile_passes (created, created_at) VALUES (1, fixture.noon() - age);
        INSERT INTO notifications (kind, user_id, created_at, delivered_at)
        VALUES ('delivered', fixture.id('prebuilds'), '-infinity', fixture.noon() - age), ('waiting', fixture.id('prebuilds'), fixture.noon() - age, NULL);
        INSERT INTO preset_failures (preset_id, created_at, sqlstate, message) VALUES (fixture.id('p'), fixture.noon() - age, '22023', 'no');
        INSERT INTO provisioner_job_logs (job_id, created_at, line) SELECT job_id, fixture.noon() - age, 'building' FROM live_prebuilds;
    END LOOP;
END
$$;
CREATE VIEW fixture.history AS
SELECT h.kind, array_agg(extract(day FROM fixture.noon() - h.at)::integer ORDER BY h.at) AS days, bool_and(h.folded) AS folded
  FROM (SELECT event_type, created_at, folded FROM prebuild_events
        UNION ALL SELECT 'pass', created_at, folded FROM reconcile_passes
        UNION ALL SELECT 'notification ' || kind, CASE kind WHEN 'delivered' THEN delivered_at ELSE created_at END, NULL FROM notifications
        UNION ALL SELECT 'failure', created_at, NULL FROM preset_failures
        UNION ALL SELECT 'log', created_at, NULL FROM provisioner_job_logs) AS h (kind, at, folded)
 GROUP BY h.kind ORDER BY h.kind;
CREATE VIEW fixture.counters AS
SELECT line FROM string_to_table(prebuilds_metrics(), E'\n') AS line
 WHERE line ~ '^coderd_prebuil[a-z_]*(claimed|misses|actions)_total' AND line !~ ' 0$' ORDER BY line COLLATE "C";

-- Seven days by default, exactly; messages that nobody has taken stay.
SHOW prebuilds.history_retention;
CALL fixture.history(9, 8, 7, 6, 0);
TABLE fixture.counters;
SELECT keep_house(fixture.noon());
TABLE fixture.history;
TABLE fixture.counters;

-- When nothing is to be done nothing is written.
BEGIN;
SELECT keep_house(fixture.noon()), pg_current_xact_id_if_assigned() IS NULL AS nothing_written;
COMMIT;

-- In batches, first what is to be folded, until there is no more.
CALL fixture.history(9, 9, 8, 8, 8);
UPDATE provisioner_job_logs SET id = -id WHERE created_at < fixture.noon() - interval '7 days';
SELECT keep_house(fixture.noon(), 2), keep_house(fixture.noon(), 2);
DO $$ BEGIN WHILE keep_house(fixture.noon(), 2) LOOP NULL; END LOOP; END $$;
TABLE fixture.history;
SELECT keep_house(fixture.noon());
TABLE fixture.counters;

-- 0 keeps everything.
SET prebuilds.history_retention = 0;
CALL fixture.history(10000);
SELECT keep_house(fixture.noon());
TABLE fixture.history;
RESET prebuilds.history_retention;

-- Failures that backoff looks at are kept.
SET prebuilds.reconciliation_backoff_lookback = '8d';
CALL fixture.history(8);
SELECT keep_house(fixture.noon());
TABLE fixture.history;
RESET prebuilds.reconciliation_backoff_lookback;

-- A flood of misses: the newest 10,000 are kept, for ever if it must be.
SET prebuilds.history_retention = 0;
INSERT INTO prebuild_events (preset_id, event_type, created_at)
SELECT fixture.id('p'), 'claim_missed', fixture.noon() + n * interval '1 ms' FROM generate_series(1, 12000) AS n;
SELECT keep_house(fixture.noon());
SELECT count(*), min(created_at) - fixture.noon() AS oldest FROM prebuild_events WHERE event_type = 'claim_missed';
TABLE fixture.counters;
RESET prebuilds.history_retention;

-- An observation of a template that is gone is dropped, and shown at no time.
INSERT INTO metric_observations (template_id, metric) VALUES (fixture.id('nothing'), 'coderd_workspace_creation_total');
SELECT line FROM string_to_table(prebuilds_metrics(), E'\n') AS line WHERE line ~ '^coderd_workspace_creation_total';
SELECT (fold_batch(house_start(), 100)).taken;
SELECT count(*) AS observations, (SELECT count(*) FROM metric_batches) AS batches FROM metric_observations;
SELECT line FROM string_to_table(prebuilds_metrics(), E'\n') AS line WHERE line ~ '^coderd_workspace_creation_total';
SELECT keep_house(fixture.noon());
SELECT count(*) FROM metric_batches;
SELECT count(*) FROM metric_totals WHERE metric = 'coderd_workspace_creation_total';

-- Reading metrics reads no history: not one folded row, no build, no job.
CALL fixture.history(1, 2, 3);
SELECT keep_house(fixture.noon());
SELECT pg_stat_force_next_flush();
BEGIN;
SELECT length(prebuilds_metrics()) > 0 AS shown;
SELECT relname, seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables
 WHERE schemaname = 'prebuilds' AND seq_scan + coalesce(idx_tup_fetch, 0) > 0
   AND relname IN ('workspaces', 'workspace_builds', 'provisioner_jobs', 'prebuild_events', 'reconcile_passes', 'provisioner_job_logs');
COMMIT;

-- A restored or copied database is left as it came.
UPDATE installation SET created_by_restore = true;
CALL fixture.history(30);
SELECT keep_house(fixture.noon());
SELECT kind FROM fixture.history WHERE 30 = ANY (days);

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
RESET search_path;
DROP EXTENSION pg_prebuilds;
