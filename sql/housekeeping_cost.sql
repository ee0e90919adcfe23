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

-- What is not folded yet, n rows of each kind.
CREATE PROCEDURE fixture.happen(n integer)
    LANGUAGE sql AS $$
    INSERT INTO prebuild_events (created_at, preset_id, event_type)
    SELECT fixture.noon() + i * interval '1 ms', fixture.id('p'), 'claim_succeeded' FROM generate_series(1, n) AS i;
    INSERT INTO metric_observations (id, template_id, metric, seconds)
    SELECT uuid_v7(fixture.noon() + i * interval '1 ms'), fixture.id('web'), 'coderd_prebuilt_workspace_claim_wait_seconds', i
      FROM generate_series(1, n) AS i;
    INSERT INTO reconcile_passes (created_at, created) SELECT fixture.noon() + i * interval '1 ms', 1 FROM generate_series(1, n) AS i;
$$;
-- What is, n rows of each kind, some days old.
CREATE PROCEDURE fixture.history(n integer, age interval)
    LANGUAGE sql AS $$
    WITH t (at) AS (SELECT fixture.noon() - age + i * interval '1 ms' FROM generate_series(1, n) AS i),
    event AS (
        INSERT INTO prebuild_events (preset_id, event_type, created_at, folded)
        SELECT fixture.id('p'), e, at, true FROM t, unnest('{claim_succeeded,claim_missed}'::text[]) AS e),
    pass AS (INSERT INTO reconcile_passes (created, created_at, folded) SELECT 1, at, true FROM t),
    notification AS (INSERT INTO notifications (kind, user_id, delivered_at) SELECT 'delivered', fixture.id('prebuilds'), at FROM t),
    failure AS (INSERT INTO preset_failures (preset_id, created_at, sqlstate, message) SELECT fixture.id('p'), at, '22023', 'no' FROM t),
    line AS (INSERT INTO provisioner_job_logs (job_id, created_at) SELECT l.job_id, at FROM t, live_prebuilds AS l)
    INSERT INTO provisioner_jobs (organization_id, initiator_id, started_at, completed_at)
    SELECT fixture.id('acme'), fixture.id('prebuilds'), at, at FROM t;
$$;

CREATE TABLE fixture.observations (circumstances text, operation text, relation text, entries bigint);
-- Rows of a scan, and entries of an index, dead ones included.
CREATE VIEW fixture.reads AS
SELECT c.relname AS relation,
       pg_stat_get_xact_tuples_returned(c.oid)
       + (SELECT sum(pg_stat_get_xact_tuples_returned(i.indexrelid)) FROM pg_index AS i WHERE i.indrelid = c.oid) AS entries
  FROM pg_class AS c WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind = 'r';
CREATE PROCEDURE fixture.observe(circumstances text, operation text, statement text)
    LANGUAGE plpgsql AS $$
DECLARE
    before constant jsonb := (SELECT jsonb_object_agg(r.relation, r.entries) FROM fixture.reads AS r);
BEGIN
    EXECUTE statement;
    INSERT INTO fixture.observations
    SELECT circumstances, operation, r.relation, r.entries - (before ->> r.relation)::bigint FROM fixture.reads AS r;
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
-- 10 rows of a kind at a time, where the last batch ended, which nobody can clean up yet.
CREATE TABLE fixture.progress (progress house_progress);
CREATE PROCEDURE fixture.batches(circumstances text)
    LANGUAGE plpgsql AS $$
DECLARE
    batch text := 'first batch';
BEGIN
    TRUNCATE fixture.progress;
    INSERT INTO fixture.progress VALUES (house_start());
    FOR n IN 1 .. 8 LOOP
        CALL fixture.observe(batch, 'fold', 'UPDATE fixture.progress SET progress = fold_batch(progress, 10)');
        CALL fixture.observe(batch, 'prune', 'UPDATE fixture.progress SET progress = prune_batch(progress, fixture.noon(), 10)');
        CALL fixture.hang();
        CALL fixture.observe(batch, 'reap', $q$SELECT reap_jobs(fixture.noon(), '-infinity')$q$);
        batch := circumstances;
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

-- Each row is chosen and changed; of the events there are two kinds of history. The first batch walks over what others took.
SELECT circumstances, operation, relation, min(entries) AS least, max(entries) AS most FROM fixture.observations
 WHERE circumstances <> 'first batch'
 GROUP BY 1, 2, 3 HAVING max(entries) > 5 * 10
 ORDER BY 1, 2, 3;
-- There was something to do, every time.
SELECT circumstances, bool_and(reads) AS reads FROM (
    SELECT circumstances, operation, sum(entries) > 0 AS reads FROM fixture.observations GROUP BY 1, 2) AS o
 WHERE circumstances NOT IN ('first batch', 'nothing') GROUP BY 1 ORDER BY 1;

-- A total is changed once, however many batches there are, also of what is to be deleted: what counts for the same thing
-- comes all the time. Beside an old snapshot each change leaves a row that the next one walks over.
CREATE PROCEDURE fixture.keep_house(max_rows integer, happens text DEFAULT '')
    LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        EXECUTE happens;
        UPDATE fixture.progress SET progress = keep_house_batch(progress, fixture.noon(), max_rows);
        EXIT WHEN NOT (SELECT (progress).more FROM fixture.progress);
    END LOOP;
END
$$;
SELECT fold_metrics() > 0 AS folded;
DO $$ BEGIN FOR n IN 1 .. 20 LOOP CALL fixture.preset('p' || n, desired => 0); END LOOP; END $$;
INSERT INTO prebuild_events (created_at, preset_id, event_type)
SELECT fixture.noon() + i * interval '1 ms', fixture.id('p' || 1 + i % 20), 'claim_missed' FROM generate_series(1, 400) AS i;
INSERT INTO metric_observations (template_id, metric, seconds)
SELECT fixture.id('t' || 1 + i % 20), 'coderd_workspace_creation_total', NULL FROM generate_series(1, 400) AS i;
CALL fixture.history(300, '9 days');
UPDATE fixture.progress SET progress = house_start();
SELECT pg_stat_force_next_flush();
BEGIN;
CALL fixture.keep_house(50, format('INSERT INTO prebuild_events (preset_id, event_type) VALUES (%L, ''claim_succeeded'')', fixture.id('p1')));
SELECT pg_stat_get_xact_tuples_inserted(t) AS added, pg_stat_get_xact_tuples_updated(t) AS changed
  FROM CAST('metric_totals'::regclass AS oid) AS t;
SELECT count(*) FROM prebuild_events WHERE created_at < fixture.noon() - interval '8 days';
COMMIT;
SELECT metric, count(*), min(amount), max(amount) FROM metric_totals
 WHERE metric IN ('coderd_prebuilt_workspaces_claim_misses_total', 'coderd_workspace_creation_total') GROUP BY metric ORDER BY metric;
-- But not later than after a hundred, as what waits is read by whoever looks at the metrics.
INSERT INTO prebuild_events (created_at, preset_id, event_type)
SELECT fixture.noon() + i * interval '1 ms', fixture.id('p' || 1 + i % 20), 'claim_missed' FROM generate_series(1, 250) AS i;
CREATE TABLE fixture.waiting (batches bigint);
UPDATE fixture.progress SET progress = house_start();
CALL fixture.keep_house(1, 'INSERT INTO fixture.waiting SELECT count(*) FROM metric_batches');
SELECT count(*) >= 250 AS many, max(batches), (SELECT count(*) FROM metric_batches) AS left FROM fixture.waiting;

-- What is done stays done: where the last batch ended the next one goes on, some time later, and walks over nothing.
DELETE FROM prebuild_events WHERE event_type = 'claim_missed';    -- the newest are read each time
VACUUM prebuild_events;
UPDATE fixture.progress SET progress = house_start();
TRUNCATE fixture.observations;
BEGIN;
CALL fixture.happen(500);
CALL fixture.keep_house(1000);
INSERT INTO prebuild_events (created_at, preset_id, event_type)
SELECT fixture.noon() + interval '1 s', fixture.id('p'), 'claim_succeeded';
INSERT INTO reconcile_passes (created_at, created) SELECT fixture.noon() + interval '1 s', 1;
CALL fixture.observe('later', 'keep house', 'CALL fixture.keep_house(1000)');
SELECT count(*) AS unfolded FROM unfolded_metrics;
-- What is committed late, with an earlier time, is found by who begins anew, and shown all the same.
INSERT INTO prebuild_events (created_at, preset_id, event_type)
SELECT fixture.noon() - interval '1 s', fixture.id('p'), 'claim_succeeded';
CALL fixture.keep_house(1000);
SELECT count(*) AS unfolded FROM unfolded_metrics;
UPDATE fixture.progress SET progress = house_start();
CALL fixture.observe('anew', 'keep house', 'CALL fixture.keep_house(1000)');
SELECT count(*) AS unfolded FROM unfolded_metrics;
COMMIT;
-- One that bears a time that is yet to come keeps nobody from finding the others.
INSERT INTO prebuild_events (created_at, preset_id, event_type)
SELECT at, fixture.id('p'), 'claim_succeeded' FROM unnest(ARRAY[now() + interval '1 day', 'infinity']) AS at;
CALL fixture.keep_house(1000);
INSERT INTO prebuild_events (preset_id, event_type) VALUES (fixture.id('p'), 'claim_succeeded');
CALL fixture.keep_house(1000);
SELECT count(*) AS unfolded FROM unfolded_metrics;
-- What was committed some seconds late is found at once.
INSERT INTO prebuild_events (created_at, preset_id, event_type) VALUES (clock_timestamp(), fixture.id('p'), 'claim_succeeded');
INSERT INTO metric_observations (id, template_id, metric) VALUES (uuid_v7(clock_timestamp()), fixture.id('web'), 'coderd_workspace_creation_total');
INSERT INTO reconcile_passes (created_at, created) VALUES (clock_timestamp(), 1);
CALL fixture.keep_house(1000);
INSERT INTO prebuild_events (created_at, preset_id, event_type) VALUES (clock_timestamp() - interval '3 s', fixture.id('p'), 'claim_succeeded');
INSERT INTO metric_observations (id, template_id, metric)
VALUES (uuid_v7(clock_timestamp() - interval '3 s'), fixture.id('web'), 'coderd_workspace_creation_total');
INSERT INTO reconcile_passes (created_at, created) VALUES (clock_timestamp() - interval '3 s', 1);
CALL fixture.keep_house(1000);
SELECT count(*) AS unfolded FROM unfolded_metrics;
SELECT circumstances, relation, entries > 10 AS walks_over_more FROM fixture.observations
 WHERE relation IN ('prebuild_events', 'metric_observations', 'reconcile_passes') ORDER BY circumstances DESC, relation;

-- The reaper begins where jobs still run: beside an old snapshot those that ran before are in the way for long.
TRUNCATE fixture.observations;
CREATE TABLE fixture.jobs (ids uuid[]);
INSERT INTO fixture.jobs DEFAULT VALUES;
CREATE PROCEDURE fixture.run(n integer, minutes interval)
    LANGUAGE sql AS $$
    WITH job AS (
        INSERT INTO provisioner_jobs (organization_id, initiator_id, started_at)
        SELECT fixture.id('acme'), fixture.id('prebuilds'), fixture.noon() - minutes FROM generate_series(1, n) RETURNING id)
    UPDATE fixture.jobs SET ids = ARRAY(SELECT id FROM job);
$$;
BEGIN;
CALL fixture.run(300, '20 min');
UPDATE provisioner_jobs SET completed_at = fixture.noon() WHERE id IN (SELECT unnest(ids) FROM fixture.jobs);
CALL fixture.run(1, '10 min');
UPDATE provisioner_jobs SET updated_at = fixture.noon() - interval '6 min' WHERE id IN (SELECT unnest(ids) FROM fixture.jobs);
SELECT running_since(NULL, fixture.noon()) AS since \gset
SELECT fixture.noon() - :'since' AS oldest_runs_for;
CALL fixture.observe('from the beginning', 'reap', $$SELECT count(*) FROM reap_jobs(fixture.noon() - interval '1 day', '-infinity')$$);
CALL fixture.observe('from there', 'next', format('SELECT running_since(%L, fixture.noon())', :'since'));
CALL fixture.observe('from there', 'reap', format('SELECT count(*) FROM reap_jobs(fixture.noon() - interval ''1 day'', %L)', :'since'));
SELECT circumstances, operation, entries > 10 AS walks_over_more FROM fixture.observations
 WHERE relation = 'provisioner_jobs' ORDER BY circumstances, operation;
SELECT count(*) AS reaped FROM reap_jobs(fixture.noon(), :'since');
-- What runs for less than ten seconds may be joined by what is committed late.
SELECT fixture.noon() - running_since(:'since', fixture.noon()) AS none_runs_for;
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
RESET search_path;
DROP EXTENSION pg_prebuilds;
