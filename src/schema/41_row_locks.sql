-- The rows that the API locks before it changes them. All lock in this order: a template, a workspace, its row of the
-- read model, its job. Whoever picks from a list takes what is free and waits for nobody.

CREATE FUNCTION prebuilds.lock_oldest_prebuild(preset_id uuid, oldest timestamptz, passed_over uuid[])
    RETURNS prebuilds.live_prebuilds
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_lock_oldest_prebuild';
COMMENT ON FUNCTION prebuilds.lock_oldest_prebuild(uuid, timestamptz, uuid[]) IS
    'Locks the oldest claimable prebuild of a preset that was created at an instant or later, is not passed over and not '
    'locked by anybody else: its row of the read model, which is returned, and its workspace; NULL = there is none. What '
    'was tried on the way may stay locked. Never waits, and never fails because of what others have changed: in REPEATABLE '
    'READ and above what has changed since the snapshot is left alone';

CREATE TYPE prebuilds.claim_terms AS (
    template_version_id uuid, template_id uuid, organization_id uuid, desired_instances integer,
    last_invalidated_at timestamptz, invalidate_after_secs integer, tags jsonb, provisioner text, default_ttl bigint,
    active boolean, at_work boolean, name_taken boolean, owner_exists boolean);
COMMENT ON TYPE prebuilds.claim_terms IS
    'A preset, with the tags of its version and provisioner and ttl of its template, and what it takes for somebody to '
    'claim from it. active = the version is, of a template that is neither deprecated nor deleted; at_work = a build of '
    'the prebuild is open; name_taken = the owner has a workspace of the name, in whatever case';

CREATE FUNCTION prebuilds.find_claim_terms(preset_id uuid, owner_id uuid, name text, workspace_id uuid)
    RETURNS prebuilds.claim_terms
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_find_claim_terms';
COMMENT ON FUNCTION prebuilds.find_claim_terms(uuid, uuid, text, uuid) IS
    'On which terms an owner can claim from a preset; NULL = there is no such preset. workspace_id is the '
    'prebuild that is locked for it, or NULL; if another argument is NULL, so is the result';

CREATE TYPE prebuilds.pending_job AS (
    job_id uuid, organization_id uuid, provisioner text, type prebuilds.provisioner_job_type, input jsonb, tags jsonb,
    workspace_id uuid, workspace_name text, owner_id uuid, workspace_deleted boolean, build_id uuid,
    template_version_id uuid, transition prebuilds.workspace_transition, build_number integer, provisioner_state bytea);
COMMENT ON TYPE prebuilds.pending_job IS 'A job in the queue, with its workspace and its build if it has them';

CREATE FUNCTION prebuilds.lock_oldest_job(queue_keys bigint[], passed_over uuid[]) RETURNS prebuilds.pending_job
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_lock_oldest_job';
COMMENT ON FUNCTION prebuilds.lock_oldest_job(bigint[], uuid[]) IS
    'Locks the oldest pending job of these queues, of people before the prebuilds user, that is not passed over and not '
    'locked by anybody else, neither itself nor its prebuild''s row of the read model; its build and workspace are not '
    'locked. NULL = there is none. What was tried on the way may stay locked. Never waits or fails, as above';

CREATE FUNCTION prebuilds.lock_workspace(workspace_id uuid) RETURNS prebuilds.workspaces
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_lock_workspace';
COMMENT ON FUNCTION prebuilds.lock_workspace(uuid) IS
    'Locks a workspace and its row of the read model, waiting as long as lock_timeout allows; NULL = there is no such '
    'workspace. Error 40001: in REPEATABLE READ and above, when one of them has changed since the snapshot';

CREATE FUNCTION prebuilds.lock_job(
    job_id uuid, OUT workspace_id uuid, OUT owner_id uuid, OUT ttl bigint, OUT build_id uuid, OUT build_number integer,
    OUT transition prebuilds.workspace_transition, OUT job_status prebuilds.provisioner_job_status, OUT worker_id uuid)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_lock_job';
COMMENT ON FUNCTION prebuilds.lock_job(uuid) IS
    'Locks a job after its workspace and row of the read model, waiting as long as lock_timeout allows, and tells what '
    'it is; a job without a build has no workspace. All NULL = there is no such job. Error 40001 as above';
