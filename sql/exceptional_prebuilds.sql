-- Failed, canceled and parked prebuilds are counted and shown, and never touched by a pass; an operator deletes or
-- restarts them.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('p', desired => 2);
CALL fixture.person('ann');
SELECT count(fixture.prebuild('start', 'failed', name => 'failed start')), count(fixture.prebuild('start', 'canceled', name => 'canceled start')),
       count(fixture.build(fixture.ready('failed delete'), 'delete', 'failed', 'v1')),
       count(fixture.build(fixture.ready('canceled delete'), 'delete', 'canceled', 'v1')),
       count(fixture.build(fixture.ready('failed stop'), 'stop', 'failed', 'v1', 'p')),
       count(fixture.build(fixture.ready('parked'), 'stop', 'succeeded', 'v1', initiator => 'ann'));
SELECT preset_name, desired, actual, failed, parked, problem FROM prebuilds_status(fixture.noon());
SELECT * FROM fixture.passes();
SELECT w.name, w.deleted, l.build_number, l.transition, l.job_status FROM workspaces w JOIN live_prebuilds l ON l.workspace_id = w.id WHERE w.name !~ '^(antagonist|prebuild)' ORDER BY 1;
CALL fixture.provision();

-- Whether the preset is active or not, and whatever is expired.
UPDATE template_version_presets SET invalidate_after_secs = 60 WHERE name = 'p';
CALL fixture.version('v2');
SELECT * FROM fixture.passes();
CALL fixture.provision();
SELECT preset_name, active, actual, failed, parked FROM prebuilds_status(fixture.noon());
SELECT w.name, w.deleted, l.build_number, l.transition, l.job_status FROM workspaces w JOIN live_prebuilds l ON l.workspace_id = w.id WHERE w.name !~ '^(antagonist|prebuild)' ORDER BY 1;

-- A parked one that an administrator starts again, for another version even, is running again, in the pool of its preset.
UPDATE templates SET active_version_id = fixture.id('v1') WHERE name = 'web';
UPDATE template_version_presets SET invalidate_after_secs = 0 WHERE name = 'p';
SELECT preset, action, count FROM fixture.plan();
SELECT count(fixture.build(fixture.id('parked'), 'start', 'succeeded', 'v2', age => '-1 min', initiator => 'ann', agent => 'ready'));
SELECT preset_name, actual, eligible, parked, num_failed FROM prebuilds_status(fixture.noon());
SELECT preset, action, count, reason FROM fixture.plan();
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'work', as_of => fixture.noon()) = fixture.id('parked') AS claimed;

-- An operator deletes the failed ones; the others stay.
SELECT name FROM prebuilds_delete_failed(fixture.id('p')) d JOIN workspaces ON id = d.workspace_id ORDER BY 1;
CALL fixture.provision();
SELECT preset_name, failed, parked FROM prebuilds_status(fixture.noon());

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
