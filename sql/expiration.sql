-- Prebuilds older than the preset's TTL are deleted and replaced in the same pass.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('p', desired => 2);
UPDATE template_version_presets SET invalidate_after_secs = 3600 WHERE name = 'p';

-- Exactly as old as the TTL is not older.
SELECT count(fixture.ready('r0', age => '1 hour')), count(fixture.ready('r1', age => '30 min'));
SELECT as_of, s.actual, s.expired, s.desired, s.eligible, s.extraneous FROM unnest(ARRAY[fixture.noon(), fixture.noon() + interval '1 us']) as_of, LATERAL prebuilds_status(as_of) s;
SELECT action, cause, count, prebuilds, reason FROM fixture.plan();
SELECT action, cause, count, prebuilds, reason FROM fixture.plan(fixture.noon() + interval '1 us');
SELECT * FROM fixture.passes(8, fixture.noon() + interval '1 us');
CALL fixture.provision(fixture.noon() + interval '1 min');
SELECT * FROM fixture.passes(2, fixture.noon() + interval '2 min');

-- More than are desired: the expired one, and the oldest of the others.
DELETE FROM workspaces WHERE name !~ 'antagonist';
SELECT count(fixture.ready('r0', age => '61 min')), count(fixture.ready('r1', age => '50 min')), count(fixture.ready('r2', age => '40 min')), count(fixture.ready('r3', age => '30 min'));
SELECT action, cause, count, prebuilds, reason FROM fixture.plan();
SELECT * FROM fixture.passes();
SELECT name FROM workspaces JOIN live_prebuilds ON workspace_id = id WHERE transition = 'start' ORDER BY 1;

-- What is still building does not expire yet: it is replaced when it runs, and the status says so.
DELETE FROM workspaces WHERE name !~ 'antagonist';
SELECT count(fixture.prebuild('start', 'running', name => 'slow', age => '2 hours')), count(fixture.ready('r1', age => '50 min'));
SELECT action, cause, count, prebuilds FROM fixture.plan();
SELECT expired, starting, problem FROM prebuilds_status(fixture.noon());
CALL fixture.provision();
SELECT action, cause, count, prebuilds FROM fixture.plan();

-- An expired one is deleted whether or not it is ready, and cannot be claimed.
DELETE FROM workspaces WHERE name !~ 'antagonist';
SELECT count(fixture.prebuild('start', 'succeeded', name => 'not ready', age => '2 hours')), count(fixture.ready('r1', age => '2 hours'));
CALL fixture.person('ann');
SELECT actual, expired, eligible FROM prebuilds_status(fixture.noon());
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'work', as_of => fixture.noon()) AS claimed;
SELECT action, cause, count, prebuilds FROM fixture.plan();

-- 0, NULL and less mean never.
UPDATE template_version_presets SET invalidate_after_secs = 0 WHERE name = 'p';
SELECT expired FROM prebuilds_status(fixture.noon());
UPDATE template_version_presets SET invalidate_after_secs = NULL WHERE name = 'p';
SELECT expired FROM prebuilds_status(fixture.noon());
UPDATE template_version_presets SET invalidate_after_secs = -1 WHERE name = 'p';
SELECT expired FROM prebuilds_status(fixture.noon());
UPDATE template_version_presets SET invalidate_after_secs = 2147483647 WHERE name = 'p';
SELECT expired FROM prebuilds_status(fixture.noon());
UPDATE template_version_presets SET invalidate_after_secs = 3600 WHERE name = 'p';

-- Inactive: expired or not, all of it goes.
SELECT count(fixture.ready('young', age => '10 min'));
CALL fixture.version('v2');
SELECT actual, expired, desired, eligible, extraneous FROM prebuilds_status(fixture.noon());
SELECT action, cause, count, prebuilds, reason FROM fixture.plan();
SELECT * FROM fixture.passes();

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
