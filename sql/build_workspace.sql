-- A person stops, starts and deletes a workspace: one build at a time, each going on from the last one.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
\set nobody '00000000-0000-0000-0000-000000000001'
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
SELECT workspace_id AS workspace, job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'mine', '{"size": "s"}') \gset

\pset format unaligned
\pset tuples_only on
SELECT split_part(pg_temp.refused($$SELECT prebuilds_build_workspace(%L, 'stop', %L)$$, :'workspace', :'ann'), :'workspace', 2);
\pset format aligned
\pset tuples_only off
SELECT job_id = :'job' AS acquired FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_complete_job(:'job', :'daemon', 'state of build 1', '[{"type": "vm", "name": "main", "daily_cost": 5}]');

-- Somebody else may do it: then he is the initiator, and the workspace stays its owner's.
SELECT prebuilds_build_workspace(:'workspace', 'stop', :'bob') AS job \gset
SELECT b.build_number, b.transition, b.initiator_id = :'bob' AS by_bob, b.template_version_id = :'version' AS version,
       b.template_version_preset_id = :'small' AS small, convert_from(b.provisioner_state, 'utf8') AS state, j.job_status,
       j.input ->> 'prebuilt_workspace_stage' AS stage,
       (SELECT jsonb_object_agg(p.name, p.value) FROM prebuilds.workspace_build_parameters p WHERE p.workspace_build_id = b.id) AS parameters
FROM prebuilds.workspace_builds b JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id WHERE j.id = :'job';

-- Once its job is final, whatever its end, the next one may follow.
SELECT prebuilds_cancel_job(:'job');
SELECT prebuilds_build_workspace(:'workspace', 'delete', :'ann') AS job \gset
SELECT job_id = :'job' AS acquired, transition, build_number, convert_from(provisioner_state, 'utf8') AS state FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_complete_job(:'job', :'daemon');
SELECT deleted FROM prebuilds.workspaces WHERE id = :'workspace';

INSERT INTO prebuilds.workspaces (id, owner_id, organization_id, template_id, name)
SELECT '00000000-0000-0000-0000-000000000002', :'ann', organization_id, id, 'imported' FROM prebuilds.templates;
\pset format unaligned
\pset tuples_only on
SELECT split_part(pg_temp.refused($$SELECT prebuilds_build_workspace(%L, 'start', %L)$$, :'workspace', :'ann'), :'workspace', 2);
SELECT pg_temp.refused($$SELECT prebuilds_build_workspace('00000000-0000-0000-0000-000000000002', 'start', %L)$$, :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_build_workspace(NULL, 'start', %L)$$, :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_build_workspace(%L, 'start', %L)$$, :'nobody', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_build_workspace(%L, NULL, %L)$$, :'workspace', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_build_workspace(%L, 'restart', %L)$$, :'workspace', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_build_workspace(%L, 'start', NULL)$$, :'workspace');
SELECT pg_temp.refused($$SELECT prebuilds_build_workspace(%L, 'start', %L)$$, :'workspace', :'nobody');
SELECT pg_temp.refused($$SELECT prebuilds_build_workspace(%L, 'start', prebuilds.system_user_id())$$, :'workspace');

DROP EXTENSION pg_prebuilds;
