-- The values of a workspace's parameters: of the preset, else of the request, else the version's defaults; each is
-- checked against the version's options and pattern.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
SELECT p.template_id AS shell, p.preset_ids ->> 'fast' AS fast
FROM prebuilds_push_template('acme', 'shell', 'v1', '[{"name": "fast", "parameters": {"cpus": 8}}]', parameters => '[
    {"name": "cpus", "options": ["2", {"name": "eight", "value": "8"}]},
    {"name": "image", "validation_regex": "^debian-", "default_value": "debian-12"},
    {"name": "debug", "type": "bool", "default_value": "false"}]') AS p \gset

CREATE FUNCTION pg_temp.values_of(template uuid, owner uuid, name text, parameters jsonb, preset uuid DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    job constant uuid := (SELECT c.job_id FROM prebuilds_create_workspace(template, owner, values_of.name, parameters, preset) AS c);
BEGIN
    RETURN (SELECT jsonb_object_agg(p.name, p.value)
            FROM prebuilds.workspace_builds b JOIN prebuilds.workspace_build_parameters p ON p.workspace_build_id = b.id
            WHERE b.job_id = job);
END $$;
SELECT pg_temp.values_of(:'shell', :'ann', 'defaults', '{"cpus": 2}');
SELECT pg_temp.values_of(:'shell', :'ann', 'all given', '{"cpus": "2", "image": "debian-13", "debug": true}');
SELECT pg_temp.values_of(:'shell', :'ann', 'preset wins', '{"cpus": "2", "image": "debian-13"}', :'fast');

\pset format unaligned
\pset tuples_only on
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', '{}')$$, :'shell', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', '{"cpus": 4}')$$, :'shell', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', '{"cpus": 2, "image": "alpine"}')$$, :'shell', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', '{"cpus": null}')$$, :'shell', :'ann');
SELECT count(*) FROM prebuilds.workspaces;

DROP EXTENSION pg_prebuilds;
