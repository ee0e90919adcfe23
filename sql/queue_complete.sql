-- What completing a job does: state, resources, agents, deadlines, and the end of a deleted workspace.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
SELECT workspace_id AS workspace, job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'mine', '{"size": "s"}', ttl => '1 hour') \gset

-- All that a provisioner needs.
\x on
SELECT type, workspace_name, owner_name, transition, build_number, stage, organization_name, template_name, template_version_name,
       definition, parameters, provisioner_state, tags, job_id = :'job' AS job, workspace_id = :'workspace' AS workspace, owner_id = :'ann' AS ann
FROM prebuilds_acquire_job(:'daemon');
\x off

SELECT prebuilds_complete_job(:'job', :'daemon', 'state 1', '[
    {"type": "vm", "name": "main", "daily_cost": 3, "instance_type": "m1", "metadata": {"url": "http://localhost"},
     "agents": [{"name": "main", "metadata": {"port": 80}}, {"name": "side"}]},
    {"type": "disk", "name": "home", "daily_cost": 2}]') AS agents \gset
SELECT name, metadata, lifecycle_state FROM unnest(:'agents'::uuid[]) WITH ORDINALITY AS g (id, n)
JOIN prebuilds.workspace_agents a USING (id) ORDER BY n;
SELECT type, name, daily_cost, instance_type, metadata, transition FROM prebuilds.workspace_resources WHERE job_id = :'job' ORDER BY name;
SELECT convert_from(b.provisioner_state, 'utf8') AS state, b.daily_cost, b.deadline - j.completed_at AS runs_for, j.job_status, j.error
FROM prebuilds.workspace_builds b JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id WHERE j.id = :'job';
SELECT job_status, ready, resources, jsonb_path_query_array(agents, '$[*].name') AS agents FROM prebuilds_workspace(:'workspace');
SELECT prebuilds_report_agent(id, 'ready') FROM unnest(:'agents'::uuid[]) AS id;
SELECT ready FROM prebuilds_workspace(:'workspace');

-- A stop: without a state the last one stays; agents of earlier builds are deleted; no deadline.
SELECT prebuilds_build_workspace(:'workspace', 'stop', :'ann') AS job \gset
SELECT convert_from(provisioner_state, 'utf8') AS state FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_complete_job(:'job', :'daemon');
SELECT count(*) FILTER (WHERE deleted) AS deleted, count(*) AS agents FROM prebuilds.workspace_agents;
SELECT transition, job_status, ready, resources, agents, deadline FROM prebuilds_workspace(:'workspace');
SELECT convert_from(provisioner_state, 'utf8') AS state FROM prebuilds.workspace_builds WHERE job_id = :'job';

-- A start that is canceled ends canceled, with what it had made, and gets no deadline.
SELECT prebuilds_build_workspace(:'workspace', 'start', :'ann') AS job \gset
SELECT build_number FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_cancel_job(:'job');
SELECT prebuilds_update_job(:'job', :'daemon') AS canceled;
SELECT cardinality(prebuilds_complete_job(:'job', :'daemon', 'state 3', '[{"type": "vm", "name": "half", "agents": [{"name": "main"}]}]')) AS agents;
SELECT transition, job_status, error, jsonb_path_query_array(resources, '$[*].name') AS resources, deadline FROM prebuilds_workspace(:'workspace');

-- A delete: the workspace is gone, with its agents, also if it was canceled while it ran.
SELECT prebuilds_build_workspace(:'workspace', 'delete', :'ann') AS job \gset
SELECT build_number FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_cancel_job(:'job');
SELECT deleted FROM prebuilds.workspaces WHERE id = :'workspace';
SELECT prebuilds_complete_job(:'job', :'daemon');
SELECT deleted, w.job_status FROM prebuilds.workspaces, prebuilds_workspace(id) AS w WHERE id = :'workspace';
SELECT count(*) FROM prebuilds.workspace_agents WHERE NOT deleted;

-- A prebuild: no deadline, whatever the template says; ready, it can be claimed.
WITH w AS (
    INSERT INTO prebuilds.workspaces (owner_id, organization_id, template_id, name)
    SELECT prebuilds.system_user_id(), organization_id, id, 'prebuild-1' FROM prebuilds.templates RETURNING id, organization_id
), j AS (
    INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id, input)
    SELECT organization_id, prebuilds.system_user_id(), '{"prebuilt_workspace_stage": "create"}' FROM w RETURNING id
)
INSERT INTO prebuilds.workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
SELECT w.id, :'version', 1, 'start', prebuilds.system_user_id(), j.id, :'small' FROM w, j RETURNING workspace_id AS prebuild \gset
SELECT job_id AS job, stage, owner_name FROM prebuilds_acquire_job(:'daemon') \gset
SELECT :'stage' AS stage, :'owner_name' AS owner;
SELECT (prebuilds_complete_job(:'job', :'daemon', 'state', '[{"type": "vm", "name": "main", "agents": [{"name": "main"}]}]'))[1] AS agent \gset
SELECT job_status, deadline, ready FROM prebuilds_workspace(:'prebuild');
SELECT prebuilds_claim(:'small', :'ann', 'claimed') IS NULL AS not_ready;
SELECT prebuilds_report_agent(:'agent', 'ready');
SELECT prebuilds_claim(:'small', :'ann', 'claimed') = :'prebuild' AS ready;

-- A job without a workspace.
INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id, type, created_at)
SELECT id, :'ann', 'template_version_import', now() - interval '1 minute' FROM prebuilds.organizations RETURNING id AS job \gset
SELECT type, workspace_id, transition, stage, organization_name, parameters FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_complete_job(:'job', :'daemon', 'ignored', '[{"type": "vm", "name": "planned"}]');
SELECT j.job_status, r.name FROM prebuilds.provisioner_jobs j JOIN prebuilds.workspace_resources r ON r.job_id = j.id WHERE j.id = :'job';

DROP EXTENSION pg_prebuilds;
