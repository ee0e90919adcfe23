-- A row in every table that people or the queue fill, by plain SQL as an importer would: a pool of two with one
-- ready prebuild, one claimed workspace, one pending job.
INSERT INTO prebuilds.organizations (id, name, display_name) VALUES ('00000000-0000-4000-8000-000000000001', 'acme', 'Acme, Inc.');
INSERT INTO prebuilds.users (id, email, username) VALUES ('00000000-0000-4000-8000-000000000002', 'ann@example.com', 'ann');
INSERT INTO prebuilds.organization_members (organization_id, user_id, roles)
VALUES ('00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002', '{organization-admin}');
INSERT INTO prebuilds.groups (id, name, organization_id)
VALUES ('00000000-0000-4000-8000-000000000003', 'everyone', '00000000-0000-4000-8000-000000000001');
INSERT INTO prebuilds.group_members (user_id, group_id)
VALUES ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000003');
INSERT INTO prebuilds.site_configs (key, value) VALUES ('access_url', 'https://prebuilds.example.com');

INSERT INTO prebuilds.templates (id, organization_id, name, active_version_id)
VALUES ('00000000-0000-4000-8000-000000000010', '00000000-0000-4000-8000-000000000001', 'docker', '00000000-0000-4000-8000-000000000011');
INSERT INTO prebuilds.template_versions (id, template_id, organization_id, name, definition)
VALUES ('00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000010', '00000000-0000-4000-8000-000000000001', 'v1', '{"image": "debian"}');
INSERT INTO prebuilds.template_version_parameters (template_version_id, name, type)
VALUES ('00000000-0000-4000-8000-000000000011', 'region', 'string');
INSERT INTO prebuilds.template_version_presets (id, template_version_id, name, desired_instances, scheduling_timezone)
VALUES ('00000000-0000-4000-8000-000000000012', '00000000-0000-4000-8000-000000000011', 'large', 2, 'Europe/Berlin');
INSERT INTO prebuilds.template_version_preset_parameters (template_version_preset_id, name, value)
VALUES ('00000000-0000-4000-8000-000000000012', 'region', 'eu');
INSERT INTO prebuilds.template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances)
VALUES ('00000000-0000-4000-8000-000000000012', '* * * * *', 2);

INSERT INTO prebuilds.provisioner_daemons (id, name, organization_id, last_seen_at)
VALUES ('00000000-0000-4000-8000-000000000020', 'p1', '00000000-0000-4000-8000-000000000001', now());

-- 30 is a ready prebuild, 40 was claimed, 50 is being started by a person.
INSERT INTO prebuilds.workspaces (id, owner_id, organization_id, template_id, name)
SELECT id::uuid, owner::uuid, '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000010', name
FROM (VALUES ('00000000-0000-4000-8000-000000000030', 'c42fdf75-3097-471c-8c33-fb52454d81c0', 'prebuild-aaaaaaaaaaaaaaa'),
             ('00000000-0000-4000-8000-000000000040', '00000000-0000-4000-8000-000000000002', 'dev'),
             ('00000000-0000-4000-8000-000000000050', '00000000-0000-4000-8000-000000000002', 'new')) AS w (id, owner, name);
INSERT INTO prebuilds.provisioner_jobs (id, organization_id, initiator_id, started_at, completed_at, created_at)
SELECT id::uuid, '00000000-0000-4000-8000-000000000001', initiator::uuid, started_at, completed_at, now() - interval '1 hour'
FROM (VALUES ('00000000-0000-4000-8000-000000000031', 'c42fdf75-3097-471c-8c33-fb52454d81c0', now() - interval '50 min', now() - interval '40 min'),
             ('00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000002', now() - interval '50 min', now() - interval '40 min'),
             ('00000000-0000-4000-8000-000000000051', '00000000-0000-4000-8000-000000000002', NULL, NULL)) AS j (id, initiator, started_at, completed_at);
INSERT INTO prebuilds.workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
SELECT build::uuid, workspace::uuid, '00000000-0000-4000-8000-000000000011', 1, 'start', initiator::uuid, job::uuid, '00000000-0000-4000-8000-000000000012'
FROM (VALUES ('00000000-0000-4000-8000-000000000032', '00000000-0000-4000-8000-000000000030', 'c42fdf75-3097-471c-8c33-fb52454d81c0', '00000000-0000-4000-8000-000000000031'),
             ('00000000-0000-4000-8000-000000000042', '00000000-0000-4000-8000-000000000040', '00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000041'),
             ('00000000-0000-4000-8000-000000000052', '00000000-0000-4000-8000-000000000050', '00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000051')) AS b (build, workspace, initiator, job);
INSERT INTO prebuilds.workspace_build_parameters (workspace_build_id, name, value)
VALUES ('00000000-0000-4000-8000-000000000032', 'region', 'eu');
INSERT INTO prebuilds.workspace_resources (id, job_id, transition, type, name)
VALUES ('00000000-0000-4000-8000-000000000033', '00000000-0000-4000-8000-000000000031', 'start', 'container', 'main');
INSERT INTO prebuilds.workspace_agents (id, resource_id, name, lifecycle_state)
VALUES ('00000000-0000-4000-8000-000000000034', '00000000-0000-4000-8000-000000000033', 'main', 'ready');
INSERT INTO prebuilds.provisioner_job_logs (job_id, line) VALUES ('00000000-0000-4000-8000-000000000031', 'pulling image');

INSERT INTO prebuilds.prebuild_events (preset_id, event_type) VALUES ('00000000-0000-4000-8000-000000000012', 'claim_succeeded');
INSERT INTO prebuilds.notifications (kind, user_id) VALUES ('preset_hard_limited', '00000000-0000-4000-8000-000000000002');
INSERT INTO prebuilds.resource_replacements (preset_id, workspace_id, workspace_build_id, replacements)
VALUES ('00000000-0000-4000-8000-000000000012', '00000000-0000-4000-8000-000000000040', '00000000-0000-4000-8000-000000000042', '{"docker_container.main": ["image"]}');
INSERT INTO prebuilds.preset_failures (preset_id, created_at, sqlstate, message)
VALUES ('00000000-0000-4000-8000-000000000012', now() - interval '1 day', '23514', 'sample');
INSERT INTO prebuilds.reconcile_passes (created_at) VALUES (now() - interval '1 day');
INSERT INTO prebuilds.metric_observations (template_id, preset_name, metric)
VALUES ('00000000-0000-4000-8000-000000000010', 'large', 'coderd_workspace_creation_total');
INSERT INTO prebuilds.metric_totals (template_id, preset_name, metric, amount)
VALUES ('00000000-0000-4000-8000-000000000010', 'large', 'coderd_workspace_creation_total', 7);
INSERT INTO prebuilds.metric_batches (sums)
VALUES (ARRAY[('00000000-0000-4000-8000-000000000010', 'large', 'coderd_workspace_creation_total', '', 0, 2, 0)::prebuilds.metric_sum]);
