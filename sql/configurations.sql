-- Which configurations a pass looks at, what it reads of them, and in what order they are shown.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CREATE FUNCTION fixture.shown() RETURNS TABLE (n bigint, organization text, template text, version text, preset text, active boolean, lengths int[])
    LANGUAGE sql BEGIN ATOMIC
        SELECT s.n, left(s.organization_name, 8), left(s.template_name, 8), left(s.template_version_name, 8), left(s.preset_name, 8), s.active,
               ARRAY [length(s.organization_name), length(s.template_name), length(s.template_version_name), length(s.preset_name)]
          FROM public.prebuilds_status(fixture.noon()) WITH ORDINALITY AS s (organization_name, template_name, template_version_name, preset_name, preset_id, active,
               desired, desired_source, actual, eligible, expired, extraneous, starting, stopping, deleting, pending_non_active, failed, parked, prebuild_status,
               num_failed, backoff_until, problem, n)
         ORDER BY s.n;
    END;

-- By organization and template, both by name; then by age of the version, and by name of the preset.
CALL fixture.web();
CALL fixture.template('Web', 'Other');
CALL fixture.version('w1', 'Web');
CALL fixture.template('api', 'acme');
CALL fixture.version('a1', 'api');
CALL fixture.template('apis', 'acme');
CALL fixture.version('a2', 'apis');
CALL fixture.preset('w', version => 'w1');
CALL fixture.preset('of apis', version => 'a2');
CALL fixture.preset('b', version => 'a1');
CALL fixture.preset('bb', version => 'a1');
CALL fixture.preset('a', version => 'a1');
CALL fixture.preset('', version => 'a1');
CALL fixture.preset('none', desired => NULL, version => 'a1');
CALL fixture.version('v0', activate => false);
CALL fixture.version('v2', activate => false);
CALL fixture.version('v3', activate => false);
UPDATE template_versions SET created_at = created_at - interval '1 day' WHERE name = 'v3';
CALL fixture.preset('of v0', version => 'v0');
CALL fixture.preset('of v1');
CALL fixture.preset('of v2', version => 'v2');
CALL fixture.preset('of v3', version => 'v3');
CALL fixture.preset('empty', version => 'v3');
SELECT count(fixture.prebuild('start', 'succeeded', 'of ' || v, version => v)) FROM unnest('{v0, v1, v2, v3}'::text[]) AS v;
SELECT n, organization, template, version, preset, active FROM fixture.shown();
-- Versions of one age: by id.
SELECT string_agg(name, ' ' ORDER BY created_at, id) FROM template_versions WHERE template_id = fixture.id('web');

-- Two organizations and two templates may have one name, if one of them is deleted; ids then keep presets of one together.
CREATE PROCEDURE fixture.namesake(id text, name text, organization text) LANGUAGE sql AS $$
    INSERT INTO templates (id, organization_id, name, deleted, active_version_id)
    VALUES (fixture.id(namesake.id), fixture.id(organization), namesake.name, true, fixture.id('version ' || namesake.id));
    CALL fixture.version('version ' || namesake.id, namesake.id);
    CALL fixture.preset('1 of ' || namesake.id, version => 'version ' || namesake.id);
    CALL fixture.preset('2 of ' || namesake.id, version => 'version ' || namesake.id);
    SELECT fixture.prebuild('start', 'succeeded', n || ' of ' || namesake.id, version => 'version ' || namesake.id) FROM generate_series(1, 2) n;
$$;
CALL fixture.namesake('x', 'api', 'acme');
CALL fixture.namesake('y', 'api', 'acme');
INSERT INTO organizations (id, name, deleted) VALUES (fixture.id('gone'), 'acme', true);
CALL fixture.namesake('z', 'api', 'gone');
SELECT preset, active FROM fixture.shown() WHERE organization = 'acme' AND template = 'api';
SELECT array_agg(s.preset_id ORDER BY s.n) = array_agg(s.preset_id ORDER BY o.name, t.name, t.id, v.created_at, v.id, p.name) AS in_order, count(*)
  FROM (SELECT preset_id, row_number() OVER () AS n FROM prebuilds_status(fixture.noon())) AS s
  JOIN template_version_presets p ON p.id = s.preset_id
  JOIN template_versions v ON v.id = p.template_version_id
  JOIN templates t ON t.id = v.template_id
  JOIN organizations o ON o.id = t.organization_id;

-- Long values, which are stored compressed and out of line.
UPDATE templates SET deprecated = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 1000) n) WHERE id = fixture.id('apis');
UPDATE template_version_presets SET name = repeat('long ', 20000) WHERE id = fixture.id('of v1');
UPDATE template_versions SET name = repeat('long ', 20000) WHERE id = fixture.id('v1');
UPDATE templates SET name = repeat('long ', 20000) WHERE id = fixture.id('web');
UPDATE organizations SET name = repeat('Long ', 20000) WHERE id = fixture.id('Other');
SELECT count(fixture.prebuild('start', 'succeeded', 'of apis', version => 'a2'));
SELECT n, organization, template, version, preset, active, lengths FROM fixture.shown() WHERE lengths && '{100000}' OR preset = 'of apis';

-- What becomes of a preset that is deleted, or whose template, organization or count goes; a deletion under way counts for
-- whoever is at it.
BEGIN;
DELETE FROM template_version_presets WHERE id = fixture.id('a');
SELECT preset FROM fixture.shown() WHERE version = 'a1';
SELECT count(*) FROM prebuilds_plan(fixture.noon()) WHERE preset_name IN ('', 'a', 'b');
ROLLBACK;
BEGIN;
UPDATE template_version_presets SET desired_instances = NULL WHERE id IN (fixture.id('a'), fixture.id('of v0'));
SELECT preset, active FROM fixture.shown() WHERE preset IN ('a', 'b', 'of v0', 'of v2');
SELECT preset_name, action, cause FROM prebuilds_plan(fixture.noon()) WHERE preset_name IN ('a', 'b', 'of v0', 'of v2');
ROLLBACK;
BEGIN;
UPDATE templates SET active_version_id = NULL WHERE id = fixture.id('api');
SELECT preset, active FROM fixture.shown() WHERE version = 'a1';
SELECT presets_total, created FROM prebuilds_reconcile_preset(fixture.id('a'), fixture.noon());
ROLLBACK;
SELECT presets_total, created FROM prebuilds_reconcile_preset(fixture.id('a'), fixture.noon());
SELECT presets_total, created FROM prebuilds_reconcile_preset(fixture.id('none'), fixture.noon());

-- Of schedules that triggers did not see, the one with the least id is told of first, in whatever order they were written.
UPDATE template_version_presets SET scheduling_timezone = 'UTC' WHERE id IN (fixture.id('a'), fixture.id('bb'));
SET session_replication_role = replica;
INSERT INTO template_version_preset_prebuild_schedules (id, preset_id, cron_expression, desired_instances)
SELECT lpad(n::text, 32, '0')::uuid, fixture.id(preset), format('%s 9 * * *', n), n FROM unnest('{a, bb}'::text[]) AS preset, unnest('{5, 3, 4}'::int[]) AS n
 WHERE (preset, n) NOT IN (('a', 3), ('bb', 4), ('bb', 5));
RESET session_replication_role;
SELECT preset_name, left(problem, 80) AS problem FROM prebuilds_status(fixture.noon()) WHERE preset_name IN ('a', 'b', 'bb');

-- What triggers and foreign keys that were off have let in: a version without a template, a template without an organization.
SET session_replication_role = replica;
DELETE FROM templates WHERE id = fixture.id('y');
DELETE FROM organizations WHERE id = fixture.id('gone');
RESET session_replication_role;
SELECT preset, active FROM fixture.shown() WHERE preset ~ ' of ';
SELECT presets_total FROM prebuilds_reconcile_preset(fixture.id('1 of y'), fixture.noon());
SELECT presets_total FROM prebuilds_reconcile_preset(fixture.id('1 of z'), fixture.noon());

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
