-- The schema: one version, to which there is nothing to upgrade yet; and statements such as Coder sends run as they are,
-- with search_path = prebuilds.
CREATE EXTENSION pg_prebuilds;
SELECT e.extversion = a.default_version AS newest, n.nspname AS schema
  FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_prebuilds';
ALTER EXTENSION pg_prebuilds UPDATE;
SELECT count(*) AS versions_without_a_path FROM pg_extension_update_paths('pg_prebuilds') WHERE path IS NULL;
SET search_path = prebuilds;

CREATE FUNCTION pg_temp.id(n int) RETURNS uuid LANGUAGE sql RETURN lpad(n::text, 32, '0')::uuid;
INSERT INTO organizations (id, name) VALUES (pg_temp.id(1), 'acme');
INSERT INTO users (id, username, email) VALUES (pg_temp.id(2), 'ann', 'ann@example.com');
INSERT INTO templates (id, organization_id, name, active_version_id) VALUES (pg_temp.id(3), pg_temp.id(1), 'web', pg_temp.id(5));
INSERT INTO template_versions (id, template_id, organization_id, name)
VALUES (pg_temp.id(4), pg_temp.id(3), pg_temp.id(1), 'v1'), (pg_temp.id(5), pg_temp.id(3), pg_temp.id(1), 'v2');
INSERT INTO template_version_presets (id, template_version_id, name, desired_instances, invalidate_after_secs)
VALUES (pg_temp.id(6), pg_temp.id(4), 'small', 2, NULL), (pg_temp.id(7), pg_temp.id(5), 'small', 2, 7200);
INSERT INTO template_version_preset_parameters (template_version_preset_id, name, value)
VALUES (pg_temp.id(7), 'region', 'eu'), (pg_temp.id(7), 'size', 's');

-- A prebuild for each line: workspace 10 + n, its build's job 20 + n.
CREATE TEMP TABLE wanted (n int, preset int, transition workspace_transition, started bool, completed bool, error text, ready bool);
INSERT INTO wanted VALUES (0, 7, 'start', true, true, NULL, true),      -- running, ready
                          (1, 7, 'start', true, true, NULL, false),     -- running, its agent is starting
                          (2, 7, 'start', true, false, NULL, false),    -- starting
                          (3, 7, 'start', true, true, 'boom', false),   -- failed
                          (4, 6, 'start', true, true, NULL, true),      -- running, of the old version
                          (5, 6, 'start', false, false, NULL, false),   -- pending, of the old version
                          (6, 7, 'delete', true, false, NULL, false);   -- deleting
INSERT INTO workspaces (id, created_at, owner_id, organization_id, template_id, name)
SELECT pg_temp.id(10 + n), '2025-06-02 08:00Z', system_user_id(), pg_temp.id(1), pg_temp.id(3), 'prebuild-' || n FROM wanted;
INSERT INTO provisioner_jobs (id, organization_id, initiator_id, started_at, completed_at, error)
SELECT pg_temp.id(20 + n), pg_temp.id(1), system_user_id(), CASE WHEN started THEN now() END, CASE WHEN completed THEN now() END, error
  FROM wanted;
INSERT INTO workspace_builds (id, created_at, workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
SELECT pg_temp.id(30 + n), '2025-06-02 08:00Z'::timestamptz + n * interval '1 min', pg_temp.id(10 + n), pg_temp.id(preset - 2), 1, transition, system_user_id(), pg_temp.id(20 + n), pg_temp.id(preset)
  FROM wanted;
INSERT INTO workspace_resources (id, job_id, transition, type, name)
SELECT pg_temp.id(40 + n), pg_temp.id(20 + n), transition, 'vm', 'main' FROM wanted WHERE completed;
INSERT INTO workspace_agents (resource_id, name, lifecycle_state)
SELECT pg_temp.id(40 + n), 'main', CASE WHEN ready THEN 'ready' ELSE 'starting' END::workspace_agent_lifecycle_state FROM wanted WHERE completed;

-- Presets with prebuilds, and what they want.
SELECT t.name AS template_name, o.name AS organization_name, tv.name AS template_version_name,
       tv.id = t.active_version_id AS using_active_version, p.desired_instances, p.scheduling_timezone,
       p.invalidate_after_secs AS ttl, p.prebuild_status, t.deleted, t.deprecated != '' AS deprecated, p.last_invalidated_at
  FROM templates t
  JOIN template_versions tv ON tv.template_id = t.id
  JOIN template_version_presets p ON p.template_version_id = tv.id
  JOIN organizations o ON o.id = t.organization_id
 WHERE p.desired_instances IS NOT NULL AND (t.id = NULL::uuid OR NULL::uuid IS NULL)
 ORDER BY tv.name;

-- Running prebuilds.
SELECT p.name, b.template_version_id, p.current_preset_id, p.ready, p.created_at
  FROM workspace_prebuilds p
  JOIN workspace_latest_builds b ON b.workspace_id = p.id
 WHERE b.transition = 'start'::workspace_transition AND b.job_status = 'succeeded'::provisioner_job_status
 ORDER BY p.id;

-- What is on its way.
SELECT b.template_version_id, b.transition, count(b.transition)::int AS count, b.template_version_preset_id AS preset_id
  FROM workspace_latest_builds b
  JOIN workspace_prebuild_builds pb ON pb.id = b.id
  JOIN provisioner_jobs j ON j.id = b.job_id
  JOIN templates t ON t.active_version_id = b.template_version_id
 WHERE j.job_status IN ('pending'::provisioner_job_status, 'running'::provisioner_job_status)
 GROUP BY b.template_version_id, b.transition, b.template_version_preset_id
 ORDER BY 1, 2;

-- Pending and of no active version.
SELECT pb.workspace_id, count(*)
  FROM provisioner_jobs j
  JOIN workspace_prebuild_builds pb ON pb.job_id = j.id
  JOIN workspaces w ON w.id = pb.workspace_id
  JOIN templates t ON t.id = w.template_id
 WHERE pb.template_version_id != t.active_version_id AND pb.build_number = 1 AND pb.transition = 'start'
   AND j.job_status = 'pending' AND j.worker_id IS NULL AND j.canceled_at IS NULL AND j.completed_at IS NULL
 GROUP BY pb.workspace_id;

-- Failures of the newest builds of each preset.
WITH ranked AS (
    SELECT b.template_version_preset_id AS preset_id, b.job_status, b.created_at, p.desired_instances,
           row_number() OVER (PARTITION BY b.template_version_preset_id ORDER BY b.created_at DESC) AS rn
      FROM template_version_presets p
      JOIN workspace_latest_builds b ON b.template_version_preset_id = p.id
      JOIN templates t ON t.active_version_id = b.template_version_id
     WHERE b.transition = 'start' AND p.desired_instances IS NOT NULL AND NOT t.deleted
)
SELECT preset_id, count(*) FILTER (WHERE job_status = 'failed' AND created_at >= '2025-06-01Z'::timestamptz)::int AS num_failed
  FROM ranked GROUP BY preset_id HAVING bool_or(rn <= desired_instances AND job_status = 'failed');

-- The preset that fits parameters best.
WITH given AS (SELECT * FROM unnest(ARRAY['region', 'size', 'extra']::text[], ARRAY['eu', 's', 'x']::text[]) AS g (name, value))
SELECT p.id, count(*) AS matched
  FROM template_version_preset_parameters pp
  JOIN template_version_presets p ON p.id = pp.template_version_preset_id
  LEFT JOIN given ON given.name = pp.name AND given.value = pp.value
 WHERE p.template_version_id = pg_temp.id(5)
 GROUP BY p.id HAVING count(*) = count(given.name) ORDER BY 2 DESC LIMIT 1;

-- Whether an organization is ready for prebuilds.
SELECT o.name, om.user_id IS NOT NULL AS has_prebuild_user, g.id AS prebuilds_group_id, gm.user_id IS NOT NULL AS has_prebuild_user_in_group
  FROM organizations o
  LEFT JOIN organization_members om ON om.organization_id = o.id AND om.user_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'
  LEFT JOIN groups g ON g.organization_id = o.id AND g.name = 'coderprebuiltworkspaces'
  LEFT JOIN group_members gm ON gm.group_id = g.id AND gm.user_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'
 WHERE EXISTS (SELECT FROM templates t JOIN template_versions v ON v.template_id = t.id
                 JOIN template_version_presets p ON p.template_version_id = v.id
                WHERE t.organization_id = o.id AND p.desired_instances IS NOT NULL);

-- A claim: the lock on the view is a lock on the workspace.
BEGIN;
UPDATE workspaces w
   SET owner_id = pg_temp.id(2), name = 'mine', updated_at = now(), last_used_at = now(), autostart_schedule = NULL, ttl = 0
 WHERE w.id IN (SELECT p.id FROM workspace_prebuilds p
                  JOIN workspace_latest_builds b ON b.workspace_id = p.id
                  JOIN templates t ON p.template_id = t.id
                 WHERE b.transition = 'start' AND b.job_status = 'succeeded' AND b.template_version_id = t.active_version_id
                   AND p.current_preset_id = pg_temp.id(7) AND p.ready AND NOT t.deleted
                 LIMIT 1 FOR UPDATE OF p SKIP LOCKED)
RETURNING w.id, w.name;
ROLLBACK;
BEGIN;
SELECT name FROM workspace_prebuilds p WHERE p.id = pg_temp.id(11) FOR UPDATE OF p SKIP LOCKED;
SELECT name, xmax = pg_current_xact_id()::xid AS locked FROM workspaces WHERE id IN (pg_temp.id(11), pg_temp.id(12)) ORDER BY id;
ROLLBACK;

-- A job, its build and the build's parameters, written plainly.
INSERT INTO provisioner_jobs (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input, tags)
VALUES (pg_temp.id(50), now(), now(), pg_temp.id(1), pg_temp.id(2), 'terraform', 'workspace_build',
        '{"workspace_build_id": "00000000-0000-0000-0000-000000000051"}', '{"scope": "organization", "owner": ""}')
RETURNING job_status;
INSERT INTO workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number, transition, initiator_id,
                              job_id, provisioner_state, deadline, max_deadline, reason, template_version_preset_id)
VALUES (pg_temp.id(51), now(), now(), pg_temp.id(10), pg_temp.id(5), 2, 'stop', pg_temp.id(2), pg_temp.id(50), '\x00',
        '0001-01-01 00:00:00Z', '0001-01-01 00:00:00Z', 'dashboard', NULL);
INSERT INTO workspace_build_parameters (workspace_build_id, name, value)
SELECT pg_temp.id(51), unnest(ARRAY['region', 'size']), unnest(ARRAY['eu', 's']);
UPDATE provisioner_jobs SET updated_at = now(), canceled_at = now(), completed_at = now() WHERE id = pg_temp.id(50) RETURNING job_status;

DROP TABLE wanted;
RESET search_path;
DROP EXTENSION pg_prebuilds;
