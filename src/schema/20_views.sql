-- Coder's views, for the statements that Coder and its tools run.

CREATE VIEW prebuilds.workspace_latest_builds AS
SELECT b.id, w.id AS workspace_id, b.template_version_id, b.job_id, b.template_version_preset_id, b.transition,
       b.created_at, j.job_status
FROM prebuilds.workspaces AS w
CROSS JOIN LATERAL (
    SELECT * FROM prebuilds.workspace_builds AS wb WHERE wb.workspace_id = w.id ORDER BY wb.build_number DESC LIMIT 1
) AS b
JOIN prebuilds.provisioner_jobs AS j ON j.id = b.job_id
WHERE NOT w.deleted;
COMMENT ON VIEW prebuilds.workspace_latest_builds IS 'The newest build of every workspace that is not deleted';

CREATE VIEW prebuilds.workspace_prebuild_builds AS
SELECT b.id, b.workspace_id, b.template_version_id, b.build_number, b.transition, b.job_id, b.template_version_preset_id
FROM prebuilds.workspace_builds AS b
WHERE b.initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid;
COMMENT ON VIEW prebuilds.workspace_prebuild_builds IS 'Builds that the prebuilds user asked for';

-- Sub-selects and no joins, so that SELECT ... FOR UPDATE OF this view locks workspaces and is allowed at all.
CREATE VIEW prebuilds.workspace_prebuilds AS
SELECT w.id, w.name, w.owner_id, w.template_id, w.organization_id, w.created_at,
       coalesce((
           SELECT bool_and(a.lifecycle_state = 'ready')
           FROM (SELECT wb.job_id FROM prebuilds.workspace_builds AS wb
                 WHERE wb.workspace_id = w.id ORDER BY wb.build_number DESC LIMIT 1) AS latest
           JOIN prebuilds.workspace_resources AS r ON r.job_id = latest.job_id
           JOIN prebuilds.workspace_agents AS a ON a.resource_id = r.id
           WHERE NOT a.deleted AND a.parent_id IS NULL
       ), false) AS ready,
       (
           SELECT CASE WHEN latest.transition = 'start' AND j.job_status = 'succeeded' THEN started.preset_id
                       ELSE coalesce(latest.template_version_preset_id, started.preset_id)
                  END
           FROM (SELECT * FROM prebuilds.workspace_builds AS wb
                 WHERE wb.workspace_id = w.id ORDER BY wb.build_number DESC LIMIT 1) AS latest
           JOIN prebuilds.provisioner_jobs AS j ON j.id = latest.job_id
           LEFT JOIN (SELECT wb.template_version_preset_id AS preset_id FROM prebuilds.workspace_builds AS wb
                      WHERE wb.workspace_id = w.id AND wb.transition = 'start'
                        AND wb.template_version_preset_id IS NOT NULL
                      ORDER BY wb.build_number DESC LIMIT 1) AS started ON true
       ) AS current_preset_id
FROM prebuilds.workspaces AS w
WHERE w.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid AND NOT w.deleted;
COMMENT ON VIEW prebuilds.workspace_prebuilds IS 'Every prebuild: workspaces of the prebuilds user that are not deleted';
COMMENT ON COLUMN prebuilds.workspace_prebuilds.ready IS
    'The latest build has an agent, and all its agents are ready; deleted agents and parts of agents do not count';
COMMENT ON COLUMN prebuilds.workspace_prebuilds.current_preset_id IS
    'The preset in whose pool it counts; NULL = none';
