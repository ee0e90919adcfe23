-- What Prometheus is shown: gauges as the status counts, counters and histograms of what has happened; the same before
-- and after it is folded, and never less while the template lives.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\i :srcdir/test/fixtures/metrics.sql
\set ECHO all
\pset format unaligned
\pset tuples_only on
UPDATE templates SET name = E'we"b\\\n' WHERE id = fixture.id('web');

-- Nothing has happened: counters begin at 0.
SELECT * FROM fixture.samples;
CALL fixture.fill_pool();
CALL fixture.use_pool();
SELECT * FROM fixture.samples WHERE line !~ '_bucket';

-- Folded, nothing changes, whatever the size of a batch, and nothing is folded twice.
CREATE TABLE fixture.before_folding AS TABLE fixture.samples;
SELECT count(*) > 0 AS unfolded FROM unfolded_metrics;
SELECT fold_metrics(1), fold_metrics(2), fold_metrics(), fold_metrics();
SELECT count(*) AS unfolded FROM unfolded_metrics;
SELECT bucket, amount, seconds FROM metric_totals WHERE metric = 'coderd_workspace_creation_duration_seconds' ORDER BY bucket;
SELECT * FROM (TABLE fixture.before_folding EXCEPT TABLE fixture.samples) AS changed ORDER BY line COLLATE "C";
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'miss', as_of => fixture.after(301)) IS NULL AS missed;
SELECT * FROM (TABLE fixture.samples EXCEPT TABLE fixture.before_folding) AS changed ORDER BY line COLLATE "C";

-- The presets of all versions that have the same name are one series, which only grows: the old version may go, with
-- what is not folded yet.
CREATE TABLE fixture.before_promotion AS TABLE fixture.samples;
CALL fixture.version('v2');
INSERT INTO template_version_presets (id, template_version_id, name, desired_instances) VALUES (fixture.id('p2'), fixture.id('v2'), 'p', 7);
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'miss', as_of => fixture.after(302)) IS NULL AS missed;
SELECT prebuilds_claim(fixture.id('p2'), fixture.id('ann'), 'miss', as_of => fixture.after(303)) IS NULL AS missed;
DELETE FROM workspaces;
DELETE FROM template_versions WHERE id = fixture.id('v1');
SELECT * FROM (TABLE fixture.samples EXCEPT TABLE fixture.before_promotion) AS changed ORDER BY line COLLATE "C";
SELECT prebuilds_claim(fixture.id('p2'), fixture.id('ann'), 'miss', as_of => fixture.after(304)) IS NULL AS missed;
UPDATE template_version_presets SET name = 'q' WHERE id = fixture.id('p2');
SELECT line FROM fixture.samples WHERE line ~ 'misses';

-- What withholds creates.
SELECT prebuilds_pause();
SELECT line FROM fixture.samples WHERE line ~ 'paused';
SELECT prebuilds_resume();
SELECT count(fixture.prebuild('start', 'failed', 'p2', 'failed ' || n, 'v2', age => '15 min')) FROM generate_series(1, 3) AS n;
SELECT line FROM fixture.samples WHERE line ~ 'limited|validation|backoff|remaining';
INSERT INTO template_version_parameters (template_version_id, name) VALUES (fixture.id('v2'), 'region');
SELECT line FROM fixture.samples WHERE line ~ 'limited|validation|backoff';

-- Leftovers of old versions count where they need somebody, not among what the active version has.
CALL fixture.version('v3');
INSERT INTO template_version_presets (id, template_version_id, name, desired_instances) VALUES (fixture.id('p3'), fixture.id('v3'), 'q', 2);
SELECT count(fixture.ready('old', 'p2', 'v2')), count(fixture.ready('new', 'p3', 'v3')), count(fixture.prebuild('start', 'running', 'p2', 'late', 'v2'));
SELECT line FROM fixture.samples WHERE line ~ '^coderd_prebuilt_workspaces_(desired|running|eligible|failed_remaining|expired|starting|extraneous)';

-- What there is.
SELECT line FROM string_to_table(prebuilds_metrics(), E'\n') AS line WHERE line ~ '^#';

\pset tuples_only off
\pset format aligned
SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
RESET search_path;
DROP EXTENSION pg_prebuilds;
