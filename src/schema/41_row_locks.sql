-- The rows that the API locks before it changes them. All lock in this order: a template, a workspace, its row of the
-- read model, its job. Whoever picks from a list takes what is free and waits for nobody.

CREATE FUNCTION prebuilds.lock_workspace(workspace_id uuid) RETURNS prebuilds.workspaces
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_lock_workspace';
COMMENT ON FUNCTION prebuilds.lock_workspace(uuid) IS
    'Locks a workspace and its row of the read model, waiting as long as lock_timeout allows. NULL = there is no such '
    'workspace. Error 40001: in REPEATABLE READ and above, when one of them has changed since the snapshot';

CREATE FUNCTION prebuilds.lock_job(
    job_id uuid, OUT job_status prebuilds.provisioner_job_status, OUT worker_id uuid)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_lock_job';
COMMENT ON FUNCTION prebuilds.lock_job(uuid) IS
    'Locks a job after its workspace and row of the read model, waiting as long as lock_timeout allows. All NULL = '
    'there is no such job. Error 40001 as above';
