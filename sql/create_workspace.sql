-- A workspace for a user: claimed where a preset has a prebuild for it, else built from scratch.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
\set nobody '00000000-0000-0000-0000-000000000001'

-- What became of a request: who built it, and with which values.
CREATE FUNCTION pg_temp.build_of(job uuid) RETURNS TABLE (workspace text, build_number integer, stage text, preset text,
                                                          version text, by_owner boolean, "values" jsonb)
LANGUAGE sql AS $$
    SELECT w.name, b.build_number, j.input ->> 'prebuilt_workspace_stage', p.name, v.name,
           b.initiator_id = w.owner_id AND j.initiator_id = w.owner_id,
           (SELECT jsonb_object_agg(a.name, a.value) FROM prebuilds.workspace_build_parameters a WHERE a.workspace_build_id = b.id)
    FROM prebuilds.provisioner_jobs j
    JOIN prebuilds.workspace_builds b ON b.job_id = j.id
    JOIN prebuilds.workspaces w ON w.id = b.workspace_id
    JOIN prebuilds.template_versions v ON v.id = b.template_version_id
    LEFT JOIN prebuilds.template_version_presets p ON p.id = b.template_version_preset_id
    WHERE j.id = job
$$;

-- The parameters mean the preset small: the prebuild is claimed, and rebuilt with the request's parameters.
SELECT pg_temp.prebuild(:'small', 'prebuild', '1 hour') AS prebuild \gset
SELECT workspace_id = :'prebuild' AS the_prebuild, claimed, preset_id = :'small' AS preset_small, job_id AS job
FROM prebuilds_create_workspace(:'template', :'ann', 'claimed', '{"size": "s", "region": "us"}') \gset
SELECT :'the_prebuild' AS the_prebuild, :'claimed' AS claimed, :'preset_small' AS small;
SELECT * FROM pg_temp.build_of(:'job');

-- Nothing left: the same from scratch, and the miss is recorded.
SELECT workspace_id AS workspace, claimed, preset_id = :'small' AS preset_small, job_id AS job
FROM prebuilds_create_workspace(:'template', :'ann', 'scratch', '{"size": "s"}', ttl => '1 hour', autostart_schedule => 'daily') \gset
SELECT :'claimed' AS claimed, :'preset_small' AS small;
SELECT * FROM pg_temp.build_of(:'job');
SELECT owner_id = :'ann' AS anns, template_id = :'template' AS template, ttl, autostart_schedule, last_used_at = created_at AS used_now
FROM prebuilds.workspaces WHERE id = :'workspace';
SELECT event_type, count(*) FROM prebuilds.prebuild_events GROUP BY event_type ORDER BY event_type;

-- Parameters that no preset has: from scratch, and no pool has missed anything.
SELECT pg_temp.prebuild(:'small', 'prebuild', '1 hour') AS prebuild \gset
SELECT claimed, preset_id FROM prebuilds_create_workspace(:'template', :'ann', 'large', '{"size": "l"}');
-- A preset that is named: its values win.
SELECT claimed, job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'named', '{"size": "l"}', :'small') \gset
SELECT :'claimed' AS claimed;
SELECT * FROM pg_temp.build_of(:'job');

-- Disabled: from scratch without looking, and no miss.
SELECT pg_temp.prebuild(:'small', 'prebuild', '1 hour') AS prebuild \gset
SET prebuilds.enabled = off;
SELECT claimed, preset_id = :'small' AS small FROM prebuilds_create_workspace(:'template', :'ann', 'disabled', '{"size": "s"}');
RESET prebuilds.enabled;
SELECT event_type, count(*) FROM prebuilds.prebuild_events GROUP BY event_type ORDER BY event_type;

-- A preset of another version: from scratch, because only the active version has pools.
SELECT p.preset_ids ->> 'big' AS big
FROM prebuilds_push_template('acme', 'web', 'v2', '[{"name": "big", "prebuilds": {"instances": 1}}]', activate => false) AS p \gset
SELECT claimed, job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'next', preset_id => :'big') \gset
SELECT :'claimed' AS claimed;
SELECT * FROM pg_temp.build_of(:'job');

-- A deprecated template still makes workspaces, but none from its pools.
SELECT prebuilds_deprecate_template(:'template', 'use another one');
SELECT claimed FROM prebuilds_create_workspace(:'template', :'ann', 'deprecated', '{"size": "s"}');
SELECT prebuilds_deprecate_template(:'template', '');

\pset format unaligned
\pset tuples_only on
SELECT count(*) AS workspaces FROM prebuilds.workspaces;
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(NULL, %L, 'w')$$, :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w')$$, :'nobody', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w')$$, :'template', :'nobody');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w')$$, :'template', prebuilds.system_user_id()::text);
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, NULL)$$, :'template', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', NULL)$$, :'template', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', '[]')$$, :'template', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', '{"size": ["s"]}')$$, :'template', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w')$$, :'template', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', preset_id => %L)$$, :'template', :'ann', :'nobody');
SELECT pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', template_version_id => %L)$$, :'template', :'ann', :'nobody');
SELECT left(pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', preset_id => %L, template_version_id => %L)$$,
                            :'template', :'ann', :'big', :'version'), 13) AS preset_of_another_version;
SELECT left(pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w', preset_id => %L)$$,
    (SELECT template_id::text FROM prebuilds_push_template('acme', 'api', 'v1', '[]')), :'ann', :'small'), 23) AS preset_of_another_template;
SELECT left(pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'SCRATCH', '{"size": "s"}')$$, :'template', :'ann'), 61);
SELECT left(pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'SCRATCH', '{"size": "l"}')$$, :'template', :'ann'), 61);
UPDATE prebuilds.templates SET active_version_id = NULL WHERE id = :'template';
SELECT split_part(pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w')$$, :'template', :'ann'), :'template', 2);
UPDATE prebuilds.templates SET deleted = true WHERE id = :'template';
SELECT split_part(pg_temp.refused($$SELECT prebuilds_create_workspace(%L, %L, 'w')$$, :'template', :'ann'), :'template', 2);
SELECT count(*) AS workspaces FROM prebuilds.workspaces;

DROP EXTENSION pg_prebuilds;
