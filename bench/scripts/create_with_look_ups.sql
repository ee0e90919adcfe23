-- The same, with what a service outside of the database looks up on the way: twenty-five round trips.
\set n :n + 1
\set preset 1 + :n % :presets
BEGIN;
SELECT * FROM prebuilds.templates WHERE id = bench.id('template', :preset);
SELECT * FROM prebuilds.template_versions WHERE id = bench.version(:preset, 1);
SELECT * FROM prebuilds.template_version_presets WHERE id = bench.preset(:preset, 1);
SELECT * FROM prebuilds.template_version_preset_parameters WHERE template_version_preset_id = bench.preset(:preset, 1);
SELECT * FROM prebuilds.template_version_parameters WHERE template_version_id = bench.version(:preset, 1);
SELECT * FROM prebuilds.organizations WHERE id = bench.organization();
SELECT * FROM prebuilds.users WHERE id = prebuilds.system_user_id();
SELECT * FROM prebuilds.organization_members WHERE organization_id = bench.organization() AND user_id = prebuilds.system_user_id();
SELECT * FROM prebuilds.group_members WHERE user_id = prebuilds.system_user_id();
SELECT sum(g.quota_allowance) FROM prebuilds.groups g JOIN prebuilds.group_members m ON m.group_id = g.id WHERE m.user_id = prebuilds.system_user_id();
SELECT * FROM prebuilds.provisioner_daemons WHERE organization_id = bench.organization();
SELECT * FROM prebuilds.site_configs WHERE key = 'prebuilds_settings';
INSERT INTO prebuilds.workspaces (id, owner_id, organization_id, template_id, name) VALUES (bench.id('workspace', :n), prebuilds.system_user_id(), bench.organization(), bench.id('template', :preset), gen_random_uuid()::text);
SELECT * FROM prebuilds.workspaces WHERE id = bench.id('workspace', :n);
SELECT * FROM prebuilds.workspace_builds WHERE workspace_id = bench.id('workspace', :n) ORDER BY build_number DESC LIMIT 1;
SELECT * FROM prebuilds.template_versions WHERE id = bench.version(:preset, 1);
INSERT INTO prebuilds.provisioner_jobs (id, organization_id, initiator_id, input) VALUES (bench.id('job', :n), bench.organization(), prebuilds.system_user_id(), jsonb_build_object('workspace_build_id', bench.id('build', :n), 'prebuilt_workspace_stage', 'create'));
INSERT INTO prebuilds.workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id) VALUES (bench.id('build', :n), bench.id('workspace', :n), bench.version(:preset, 1), 1, 'start', prebuilds.system_user_id(), bench.id('job', :n), bench.preset(:preset, 1));
SELECT * FROM prebuilds.workspace_builds WHERE id = bench.id('build', :n);
INSERT INTO prebuilds.workspace_build_parameters (id, workspace_build_id, name, value) VALUES (bench.id('value region', :n), bench.id('build', :n), 'region', 'europe'), (bench.id('value size', :n), bench.id('build', :n), 'size', 'large'), (bench.id('value image', :n), bench.id('build', :n), 'image', 'default');
SELECT * FROM prebuilds.workspace_build_parameters WHERE workspace_build_id = bench.id('build', :n);
SELECT * FROM prebuilds.provisioner_jobs WHERE id = bench.id('job', :n);
SELECT * FROM prebuilds.provisioner_daemons WHERE organization_id = bench.organization();
COMMIT;
