-- A preset from which no workspace can be built creates none, says why, and hinders nobody.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('without', desired => 2);
CALL fixture.preset('with', desired => 2);
INSERT INTO template_version_parameters (id, template_version_id, name, required) VALUES (fixture.id('region'), fixture.id('v1'), 'region', true);
INSERT INTO template_version_preset_parameters (template_version_preset_id, name, value) VALUES (fixture.id('with'), 'region', 'eu');
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT * FROM fixture.passes();
SELECT name, prebuild_status, fixture.new_prebuilds(name) AS prebuilds FROM template_version_presets ORDER BY name;
SELECT preset_name, starting, prebuild_status, problem FROM prebuilds_status(fixture.noon());
SELECT count(*) AS notifications FROM notifications;
SELECT count(*) AS failures FROM preset_failures;

-- Deletes are not withheld; it is stronger than the hard limit and than a backoff.
SELECT count(fixture.ready('r1', 'without')), count(fixture.ready('r2', 'without', age => '1 day'));
SELECT count(fixture.prebuild('start', 'failed', 'without', age => n * interval '11 min')) FROM generate_series(1, 3) n;
UPDATE template_version_presets SET last_invalidated_at = fixture.noon() - interval '3 hours' WHERE name = 'without';
SELECT preset, action, cause, count, prebuilds, reason FROM fixture.plan();
SELECT * FROM fixture.passes(2);
SELECT preset_name, failed, prebuild_status, num_failed, problem FROM prebuilds_status(fixture.noon());
-- Without it the next strongest shows.
UPDATE template_version_parameters SET required = false WHERE name = 'region';
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT * FROM fixture.passes(2);
SELECT name, prebuild_status FROM template_version_presets ORDER BY name;
DELETE FROM workspaces WHERE name ~ '^(fixture|r)';
SELECT * FROM fixture.passes(2);
SELECT name, prebuild_status FROM template_version_presets ORDER BY name;

-- Mended rows are enough, whoever mends them; so is a reset, until the next pass looks again.
UPDATE template_version_parameters SET required = true WHERE name = 'region';
DELETE FROM workspaces WHERE id IN (SELECT workspace_id FROM live_prebuilds WHERE preset_id = fixture.id('without'));
SELECT * FROM fixture.passes(2);
SELECT name, prebuild_status FROM template_version_presets WHERE name = 'without';
SELECT prebuilds_reset_preset(fixture.id('without'));
SELECT name, prebuild_status FROM template_version_presets WHERE name = 'without';
SELECT * FROM fixture.passes(2);
SELECT name, prebuild_status FROM template_version_presets WHERE name = 'without';
INSERT INTO template_version_preset_parameters (template_version_preset_id, name, value) VALUES (fixture.id('without'), 'region', '');
SELECT * FROM fixture.passes(2);
SELECT name, prebuild_status FROM template_version_presets WHERE name = 'without';

-- What is wrong with a value, of the preset or by default.
CREATE FUNCTION fixture.why(required boolean, default_value text, options jsonb, regex text, value text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    UPDATE template_version_parameters AS p SET required = why.required, default_value = why.default_value, options = why.options, validation_regex = regex;
    DELETE FROM template_version_preset_parameters;
    INSERT INTO template_version_preset_parameters (template_version_preset_id, name, value)
    SELECT fixture.id('without'), 'region', why.value WHERE why.value IS NOT NULL;
    DELETE FROM workspaces WHERE id IN (SELECT workspace_id FROM live_prebuilds);
    PERFORM fixture.passes(2);
    SELECT coalesce(p.reason, fixture.new_prebuilds('without') || ' created') INTO result
      FROM (SELECT) AS nothing LEFT JOIN fixture.plan() AS p ON p.preset = 'without';
    RETURN result;
END
$$;
SELECT v.*, fixture.why(required, default_value, options::jsonb, regex, value) FROM (VALUES
    (true, 'eu', '[]', '', NULL), (false, 'eu', '[]', '', NULL), (false, '', '[]', '', NULL),
    (true, '', '["eu", "us"]', '', 'us'), (true, '', '["eu", "us"]', '', 'mars'), (true, '', '[{"name": "Europe", "value": "eu"}]', '', 'eu'),
    (false, 'mars', '["eu"]', '', NULL), (true, '', '[]', '^[a-z]{2}$', 'eu'), (true, '', '[]', '^[a-z]{2}$', 'EU'), (false, 'EU', '[]', '^[a-z]{2}$', NULL),
    (true, '', '[]', '(', 'eu'), (true, '', '{}', '', 'eu')) AS v (required, default_value, options, regex, value);

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
