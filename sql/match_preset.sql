-- Which preset a request means, from its parameters alone.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all

CREATE FUNCTION pg_temp.match(presets jsonb, parameters jsonb) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    version uuid;
    matching uuid;
BEGIN
    SELECT p.template_version_id INTO version
    FROM prebuilds_push_template('acme', 'matching', gen_random_uuid()::text, presets,
        parameters => '[{"name": "region", "default_value": ""}, {"name": "type", "default_value": ""}]') AS p;
    matching := prebuilds_match_preset(version, parameters);
    RETURN (SELECT p.name FROM prebuilds.template_version_presets p WHERE p.id = matching);
END $$;
SELECT c.name, pg_temp.match(c.presets, c.parameters) FROM (VALUES
    ('equal',               '[{"name": "P0", "parameters": {"region": "eu", "type": "x"}}]'::jsonb, '{"region": "eu", "type": "x"}'::jsonb),
    ('one value different', '[{"name": "P0", "parameters": {"region": "eu", "type": "x"}}]', '{"region": "eu", "type": "y"}'),
    ('one missing',         '[{"name": "P0", "parameters": {"region": "eu", "type": "x"}}]', '{"region": "eu"}'),
    ('one more',            '[{"name": "P0", "parameters": {"region": "eu", "type": "x"}}]', '{"region": "eu", "type": "x", "debug": "no"}'),
    ('most parameters win', '[{"name": "P1", "parameters": {"region": "eu"}}, {"name": "P0", "parameters": {"region": "eu", "type": "x"}}]', '{"region": "eu", "type": "x"}'),
    ('then the lowest name', '[{"name": "b", "parameters": {"region": "eu"}}, {"name": "a", "parameters": {"type": "x"}}, {"name": "B", "parameters": {"type": "x"}}]', '{"region": "eu", "type": "x"}'),
    ('without parameters it matches anything', '[{"name": "P0"}]', '{"region": "eu"}'),
    ('and nothing',         '[{"name": "P0"}]', '{}'),
    ('but comes last',      '[{"name": "P0"}, {"name": "P1", "parameters": {"region": "eu"}}]', '{"region": "eu"}'),
    ('with prebuilds or without', '[{"name": "P0", "prebuilds": {"instances": 1}}, {"name": "P1", "parameters": {"region": "eu"}}]', '{"region": "eu"}'),
    ('values are compared as text', '[{"name": "P0", "parameters": {"region": "1", "type": "true"}}]', '{"region": 1, "type": true}'),
    ('no presets',          '[]', '{}')
) AS c (name, presets, parameters);

\pset format unaligned
\pset tuples_only on
SELECT pg_temp.refused($$SELECT prebuilds_match_preset(NULL, '{}')$$);
SELECT pg_temp.refused($$SELECT prebuilds_match_preset('00000000-0000-0000-0000-000000000001', '{}')$$);
SELECT pg_temp.refused($$SELECT prebuilds_match_preset(%L, NULL)$$, :'version');
SELECT pg_temp.refused($$SELECT prebuilds_match_preset(%L, '"size"')$$, :'version');
SELECT pg_temp.refused($$SELECT prebuilds_match_preset(%L, '{"size": {}}')$$, :'version');

DROP EXTENSION pg_prebuilds;
