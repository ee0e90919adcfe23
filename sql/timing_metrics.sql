-- What the metrics tell of times: creations, counted and timed by how a workspace came to be; claims, with and without
-- their time in the queue; how long a pool waits for a new prebuild. The fixture says how long what took.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\i :srcdir/test/fixtures/metrics.sql
\set ECHO all
\pset format unaligned
\pset tuples_only on
CALL fixture.fill_pool();
CALL fixture.use_pool();
SELECT * FROM fixture.samples WHERE line ~ '^coderd_(workspace_creation|prebuilt_workspace_(claim|replenish))_';

-- A prebuild is ready by the report of its last agent, if it is one; that of a person's workspace is no such thing.
SELECT fixture.prebuild('start', 'succeeded', 'p', 'prebuild', agent => 'starting') IS NOT NULL AS prebuild,
       fixture.prebuild('start', 'succeeded', 'p', 'mine', owner => 'ann', agent => 'starting') IS NOT NULL AS mine;
INSERT INTO workspace_agents (resource_id, name) SELECT resource_id, 'second' FROM workspace_agents WHERE lifecycle_state = 'starting';
SELECT prebuilds_report_agent(id, 'ready') FROM workspace_agents WHERE name = 'main' AND lifecycle_state = 'starting';
SELECT line FROM fixture.samples WHERE line ~ 'replenish_duration_seconds_count';
SELECT prebuilds_report_agent(id, 'ready') FROM workspace_agents WHERE name = 'second';
SELECT line FROM fixture.samples WHERE line ~ 'replenish_duration_seconds_count';

-- Whoever writes jobs and workspaces may write infinite times: nothing is timed by them.
BEGIN;
CREATE TEMPORARY TABLE finite AS TABLE fixture.samples;
SELECT fixture.prebuild('start', 'running', 'p', 'endless') AS endless, fixture.prebuild('start', 'succeeded', 'p', 'eternal', agent => 'starting') AS eternal \gset
UPDATE provisioner_jobs SET completed_at = 'infinity', started_at = clock_timestamp() WHERE id = (SELECT job_id FROM live_prebuilds WHERE workspace_id = :'endless');
UPDATE workspaces SET created_at = '-infinity' WHERE id = :'eternal';
SELECT prebuilds_report_agent(a.id, 'ready') FROM workspace_agents AS a WHERE a.lifecycle_state = 'starting';
SELECT regexp_replace(line, '[0-9.]+(e-?[0-9]+)?$', '') AS line, (regexp_match(line, '[0-9.]+(?:e-?[0-9]+)?$'))[1]::numeric < 1000 AS below_1000
  FROM (TABLE fixture.samples EXCEPT TABLE finite) AS changed WHERE line ~ '_duration_seconds_(count|sum)' ORDER BY line COLLATE "C";
ROLLBACK;

-- What is loaded when it has ended already is history: it comes with its totals, or without.
CREATE TABLE fixture.before AS TABLE fixture.samples;
SELECT fixture.prebuild('start', 'succeeded', 'p', agent => 'ready') IS NOT NULL, fixture.prebuild('start', 'failed', 'p') IS NOT NULL;
SELECT * FROM (TABLE fixture.samples EXCEPT TABLE fixture.before) AS changed WHERE line ~ '_total|_count' ORDER BY line COLLATE "C";

-- Canceled builds take no time; a claim that is rolled back counts nothing.
UPDATE provisioner_jobs SET started_at = NULL, completed_at = NULL WHERE id = (SELECT job_id FROM live_prebuilds WHERE workspace_id = fixture.id('prebuild'));
UPDATE provisioner_jobs SET canceled_at = fixture.noon(), completed_at = fixture.noon() WHERE completed_at IS NULL;
BEGIN;
UPDATE template_version_presets SET last_invalidated_at = NULL;
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'play', as_of => fixture.after(101)) IS NOT NULL AS claimed;
ROLLBACK;
SELECT * FROM (TABLE fixture.samples EXCEPT TABLE fixture.before) AS changed WHERE line ~ '_total|_count' ORDER BY line COLLATE "C";

\pset tuples_only off
\pset format aligned
SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
RESET search_path;
DROP EXTENSION pg_prebuilds;
