-- A prebuild in a transaction of its own: six round trips.
\set n :n + 1
\set preset 1 + :n % :presets
BEGIN;
INSERT INTO prebuilds.workspaces (id, owner_id, organization_id, template_id, name) VALUES (bench.id('workspace', :n), prebuilds.system_user_id(), bench.organization(), bench.id('template', :preset), gen_random_uuid()::text);
INSERT INTO prebuilds.provisioner_jobs (id, organization_id, initiator_id, input) VALUES (bench.id('job', :n), bench.organization(), prebuilds.system_user_id(), jsonb_build_object('workspace_build_id', bench.id('build', :n), 'prebuilt_workspace_stage', 'create'));
INSERT INTO prebuilds.workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id) VALUES (bench.id('build', :n), bench.id('workspace', :n), bench.version(:preset, 1), 1, 'start', prebuilds.system_user_id(), bench.id('job', :n), bench.preset(:preset, 1));
INSERT INTO prebuilds.workspace_build_parameters (id, workspace_build_id, name, value) VALUES (bench.id('value region', :n), bench.id('build', :n), 'region', 'europe'), (bench.id('value size', :n), bench.id('build', :n), 'size', 'large'), (bench.id('value image', :n), bench.id('build', :n), 'image', 'default');
COMMIT;
