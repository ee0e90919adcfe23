-- prebuilds_invalidate() makes everything older expired: it is deleted and replaced in the next pass.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('p', desired => 2);
CALL fixture.preset('q', desired => 1);
CALL fixture.preset('none', desired => NULL);
CALL fixture.version('v0', activate => false);
CALL fixture.preset('old', desired => 1, version => 'v0');
SELECT count(fixture.ready('r' || n)) FROM generate_series(1, 2) n;
SELECT count(fixture.ready('s', 'q'));
SELECT * FROM prebuilds_invalidate(fixture.id('web'), as_of => fixture.noon());
SELECT name, last_invalidated_at FROM template_version_presets ORDER BY name;
SELECT preset_name, actual, expired, desired, eligible FROM prebuilds_status(fixture.noon());
SELECT preset, action, cause, count, prebuilds, reason FROM fixture.plan();
SELECT * FROM fixture.passes();
SELECT preset_name, expired, starting, deleting, problem IS NULL AS well FROM prebuilds_status(fixture.noon());
CALL fixture.provision(fixture.noon() + interval '1 min');
SELECT * FROM fixture.passes(2, fixture.noon() + interval '2 min');

-- Created in the very moment of the invalidation is not before it; one older, one newer.
DELETE FROM workspaces WHERE name !~ 'antagonist';
SELECT count(fixture.ready('at the moment', age => '0')), count(fixture.ready('r1', age => '1 us')), count(fixture.ready('s', 'q', age => '-1 min'));
SELECT preset, action, cause, count, prebuilds, reason FROM fixture.plan(fixture.noon() + interval '5 min');

-- Both at once, told apart.
UPDATE template_version_presets SET invalidate_after_secs = 3600, desired_instances = 3, last_invalidated_at = fixture.noon() - interval '2 hours' WHERE name = 'p';
SELECT count(fixture.ready('aged', age => '90 min')), count(fixture.ready('invalidated', age => '3 hours'));
SELECT preset, action, cause, count, prebuilds, reason FROM fixture.plan();

-- What was building when it was invalidated goes once it runs.
DELETE FROM workspaces WHERE name !~ 'antagonist';
SELECT count(fixture.prebuild('start', 'pending', name => 'slow', age => '3 hours'));
SELECT preset_name, expired, starting, problem FROM prebuilds_status(fixture.noon()) WHERE preset_name = 'p';
SELECT prebuilds_invalidate(fixture.id('nothing'));
\echo :LAST_ERROR_SQLSTATE
SELECT prebuilds_invalidate(fixture.id('web'), 'infinity');
\echo :LAST_ERROR_SQLSTATE

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
