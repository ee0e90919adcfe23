-- A pass creates at most prebuilds.max_creates_per_pass prebuilds, oldest preset first; the rest follows, and the plan
-- says so.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('a', desired => 3);
CALL fixture.preset('b', desired => 4);
CALL fixture.preset('c', desired => 2);
CALL fixture.preset('d', desired => 1);
UPDATE template_version_presets SET created_at = fixture.noon() - interval '2 days' WHERE name = 'c';
UPDATE template_version_presets SET created_at = fixture.noon() - interval '1 hour' WHERE name = 'a';
SELECT count(fixture.ready('r' || n, 'd')) FROM generate_series(1, 3) n;
SET prebuilds.max_creates_per_pass = 4;
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT preset_name, problem FROM prebuilds_status(fixture.noon());
SELECT presets_total, presets_reconciled, created, deleted, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon());
SELECT name, fixture.new_prebuilds(name) FROM template_version_presets ORDER BY name;
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT * FROM fixture.passes(3);
SELECT name, fixture.new_prebuilds(name) FROM template_version_presets ORDER BY name;
SET prebuilds.max_creates_per_pass = 0;
\echo :LAST_ERROR_SQLSTATE

-- What is withheld for another reason does not use the cap up.
DELETE FROM workspaces WHERE name !~ 'antagonist';
SET prebuilds.max_creates_per_pass = 3;
SELECT count(fixture.prebuild('start', 'failed', 'c', age => n * interval '1 day')) FROM generate_series(1, 3) n;
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT * FROM fixture.passes(1);

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
