-- The rows that a claim writes, as an application would write them: seven round trips. The row of the read model, which
-- a claim takes out of its pool, goes along with the first.
\set n :n + 1
\set w :first + :client_id * :each + :n
\set pool 1 + :w % :pools
BEGIN;
WITH claimed AS (DELETE FROM prebuilds.live_prebuilds WHERE workspace_id = bench.id('workspace', :w)) UPDATE prebuilds.workspaces SET owner_id = bench.person(:w), name = gen_random_uuid()::text, updated_at = now(), last_used_at = now() WHERE id = bench.id('workspace', :w);
INSERT INTO prebuilds.provisioner_jobs (id, organization_id, initiator_id, input) VALUES (bench.id('claim job', :w), bench.organization(), bench.person(:w), jsonb_build_object('workspace_build_id', bench.id('claim build', :w), 'prebuilt_workspace_stage', 'claim'));
INSERT INTO prebuilds.workspace_builds (id, workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id) VALUES (bench.id('claim build', :w), bench.id('workspace', :w), bench.version(:pool, :version), 2, 'start', bench.person(:w), bench.id('claim job', :w), bench.preset(:pool, :version));
INSERT INTO prebuilds.workspace_build_parameters (id, workspace_build_id, name, value) VALUES (bench.id('claim region', :w), bench.id('claim build', :w), 'region', 'europe'), (bench.id('claim size', :w), bench.id('claim build', :w), 'size', 'large'), (bench.id('claim image', :w), bench.id('claim build', :w), 'image', 'default');
INSERT INTO prebuilds.prebuild_events (id, preset_id, event_type) VALUES (bench.id('claim event', :w), bench.preset(:pool, :version), 'claim_succeeded');
COMMIT;
