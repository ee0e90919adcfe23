-- What Prometheus is shown: gauges as the status counts, counters and histograms of what has happened; the same before
-- and after it is folded and purged, and never less while the template lives.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
\pset format unaligned
\pset tuples_only on
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.person('ann');
CALL fixture.preset('p', desired => 3);
UPDATE templates SET name = E'we"b\\\n' WHERE id = fixture.id('web');

CREATE FUNCTION fixture.after(seconds numeric) RETURNS timestamptz
    LANGUAGE sql STABLE
    RETURN fixture.noon() + seconds * interval '1 second';
-- The samples as of noon, without how long passes took and how many there were, which the server's start decides.
CREATE VIEW fixture.samples AS
SELECT line
  FROM prebuilds.metrics(fixture.noon()) AS m, string_to_table(m, E'\n') AS line
 WHERE line !~ '^(#|$)' AND line !~ '^coderd_prebuilds_reconciliation_(duration_seconds_(bucket|sum)|passes)';

-- Nothing has happened: counters begin at 0.
SELECT * FROM fixture.samples;

-- A pass creates three prebuilds, whose builds take 30 s after 5 s in the queue; the third one fails. The others are
-- ready after another 25 s; that one of them is ready again after a restart of its agent does not count.
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
CREATE TABLE fixture.pool AS
SELECT row_number() OVER (ORDER BY workspace_id) AS n, workspace_id, job_id FROM live_prebuilds WHERE preset_id = fixture.id('p');
UPDATE provisioner_jobs AS j
   SET started_at = fixture.after(5), completed_at = fixture.after(35), error = CASE WHEN p.n = 3 THEN 'out of machines' END
  FROM fixture.pool AS p WHERE j.id = p.job_id;
SELECT count(*) FROM fixture.pool, observe_ready_prebuild(workspace_id, fixture.after(40));
INSERT INTO workspace_resources (id, job_id, transition, name) SELECT job_id, job_id, 'start', 'machine' FROM fixture.pool WHERE n < 3;
INSERT INTO workspace_agents (id, resource_id, name, lifecycle_state, first_ready_at)
SELECT workspace_id, job_id, 'main', 'ready', fixture.after(60) FROM fixture.pool WHERE n < 3;
SELECT count(*) FROM fixture.pool, observe_ready_prebuild(workspace_id, fixture.after(60));
SELECT prebuilds_report_agent(workspace_id, state) FROM fixture.pool, unnest(ARRAY['starting', 'ready']) AS state WHERE n = 1;

-- A claim: 2 s in the queue, 7.5 s for the build, which replaces resources. Then a miss. A claim that is rolled back counts nothing.
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'work', as_of => fixture.after(100)) IS NOT NULL AS claimed;
BEGIN;
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'play', as_of => fixture.after(101)) IS NOT NULL AS claimed;
ROLLBACK;
UPDATE provisioner_jobs SET started_at = fixture.after(102), completed_at = fixture.after(109.5) WHERE initiator_id = fixture.id('ann') AND started_at IS NULL;
SELECT prebuilds_track_resource_replacement(w.id, b.id, '{"vm.main": ["image"]}')
  FROM workspaces AS w JOIN workspace_builds AS b ON b.workspace_id = w.id AND b.build_number = 2 WHERE w.name = 'work';
UPDATE template_version_presets SET last_invalidated_at = fixture.after(200) WHERE id = fixture.id('p');
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'miss', as_of => fixture.after(300)) IS NULL AS missed;

-- Workspaces from scratch: the first start of one fails, its second takes 42 s, its third is not the first; another
-- takes longer than the longest bucket.
CREATE PROCEDURE fixture.start(name text, seconds integer, error text DEFAULT NULL)
    LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM workspaces AS w WHERE w.name = start.name) THEN
        PERFORM public.prebuilds_build_workspace(w.id, 'start', fixture.id('ann')) FROM workspaces AS w WHERE w.name = start.name;
    ELSE
        PERFORM public.prebuilds_create_workspace(fixture.id('web'), fixture.id('ann'), start.name);
    END IF;
    UPDATE provisioner_jobs SET started_at = created_at, completed_at = created_at + seconds * interval '1 second', error = start.error
     WHERE started_at IS NULL AND initiator_id = fixture.id('ann');
END
$$;
UPDATE template_version_presets SET desired_instances = NULL WHERE id = fixture.id('p');
CALL fixture.start('scratch', 1, 'no');
CALL fixture.start('scratch', 42);
CALL fixture.start('scratch', 43);
CALL fixture.start('another', 3601);
UPDATE template_version_presets SET desired_instances = 3 WHERE id = fixture.id('p');

SELECT * FROM fixture.samples;

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

-- Ready by the report of the last agent of a prebuild; a person's workspace does not count.
SELECT count(fixture.prebuild('start', 'succeeded', 'p2', name, 'v2', owner => owner, agent => 'starting')) FROM (VALUES ('prebuild', 'prebuilds'), ('mine', 'ann')) AS w (name, owner);
SELECT count(prebuilds_report_agent(id, 'ready')) FROM workspace_agents WHERE lifecycle_state = 'starting';
SELECT line FROM fixture.samples WHERE line ~ 'replenish_duration_seconds_count.*"q"';
DELETE FROM workspaces;

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

-- What has the same labels is one series. A deprecated template is shown, a deleted one is not, nor is its history.
SELECT line FROM fixture.samples WHERE line ~ 'claimed';
UPDATE templates SET deprecated = 'use another one' WHERE id = fixture.id('web');
SELECT line FROM fixture.samples WHERE line ~ '^coderd_prebuilt_workspaces_(desired|running|eligible)';
UPDATE templates SET deleted = true WHERE id = fixture.id('web');
SELECT line FROM fixture.samples WHERE line ~ 'template_name';

\pset tuples_only off
\pset format aligned
SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
RESET search_path;
DROP EXTENSION pg_prebuilds;
