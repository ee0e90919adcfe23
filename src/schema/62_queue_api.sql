-- The API of provisioners: daemons, the queue, results, agents; and the reaper.

-- Queues -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION prebuilds.rebuild_job_queues() RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    added integer;
BEGIN
    -- From key to key of the index of pending jobs: cost follows the queues, not the jobs.
    WITH RECURSIVE pending (queue_key) AS (
        (SELECT j.queue_key FROM prebuilds.provisioner_jobs AS j
         WHERE j.started_at IS NULL AND j.completed_at IS NULL AND j.canceled_at IS NULL
         ORDER BY j.queue_key LIMIT 1)
        UNION ALL
        SELECT (SELECT j.queue_key FROM prebuilds.provisioner_jobs AS j
                WHERE j.queue_key > p.queue_key
                  AND j.started_at IS NULL AND j.completed_at IS NULL AND j.canceled_at IS NULL
                ORDER BY j.queue_key LIMIT 1)
        FROM pending AS p WHERE p.queue_key IS NOT NULL
    )
    INSERT INTO prebuilds.job_queues (queue_key, organization_id, provisioner, owner, tags)
    SELECT p.queue_key, j.organization_id, j.provisioner, t.tags ->> 'owner', t.tags
    FROM pending AS p
    CROSS JOIN LATERAL (
        SELECT j.organization_id, j.provisioner, j.tags FROM prebuilds.provisioner_jobs AS j
        WHERE j.queue_key = p.queue_key AND j.started_at IS NULL AND j.completed_at IS NULL AND j.canceled_at IS NULL
        LIMIT 1
    ) AS j
    CROSS JOIN LATERAL (SELECT prebuilds.normalized_tags(j.tags) AS tags) AS t
    WHERE NOT EXISTS (SELECT FROM prebuilds.job_queues AS q WHERE q.queue_key = p.queue_key);
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END
$$;
COMMENT ON FUNCTION prebuilds.rebuild_job_queues() IS
    'Adds the queues of pending jobs that were loaded with triggers off; returns how many were missing';

CREATE FUNCTION prebuilds.merge_job_queues() RETURNS void
    LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
    -- Whatever else goes on, the row that was added first stays: each other one is deleted by somebody who sees it.
    DELETE FROM prebuilds.job_queues AS q
    USING (SELECT m.queue_key, min(m.added_by) AS first FROM prebuilds.job_queues AS m
           GROUP BY m.queue_key HAVING count(*) > 1) AS several
    WHERE q.queue_key = several.queue_key AND q.added_by > several.first
$$;
COMMENT ON FUNCTION prebuilds.merge_job_queues() IS
    'Leaves one row of each queue that several transactions added at the same time';

-- Daemons ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION prebuilds.is_present_daemon(daemon_id uuid, now timestamptz) RETURNS boolean
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_is_present_daemon';
COMMENT ON FUNCTION prebuilds.is_present_daemon(uuid, timestamptz) IS
    'Whether the daemon is the caller''s and has been seen within 10 seconds';

CREATE FUNCTION prebuilds.note_sign_of_life(daemon_id uuid, now timestamptz) RETURNS uuid
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    daemon prebuilds.provisioner_daemons;
BEGIN
    IF daemon_id IS NULL THEN
        PERFORM prebuilds.refuse_null('daemon_id');
    END IF;
    SELECT d.* INTO daemon FROM prebuilds.provisioner_daemons AS d WHERE d.id = daemon_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('provisioner daemon', daemon_id);
    ELSIF daemon.owner_role IS DISTINCT FROM prebuilds.caller_name() THEN
        RAISE EXCEPTION 'provisioner daemon % is not registered by role "%"', daemon_id, prebuilds.caller_name()
            USING ERRCODE = '42501', DETAIL = format('It belongs to %s.', coalesce(quote_ident(daemon.owner_role), 'nobody')),
                  HINT = 'Register a daemon of your own with prebuilds_register_provisioner().';
    END IF;
    -- Another session of this daemon that is writing the same does not hold us up.
    UPDATE prebuilds.provisioner_daemons AS d SET last_seen_at = now, updated_at = now
    WHERE d.id = (SELECT s.id FROM prebuilds.provisioner_daemons AS s WHERE s.id = daemon_id FOR UPDATE SKIP LOCKED);
    RETURN daemon_id;
END
$$;
CREATE FUNCTION prebuilds.sign_of_life(daemon_id uuid, now timestamptz) RETURNS uuid
    LANGUAGE sql VOLATILE
    RETURN CASE WHEN prebuilds.is_present_daemon(daemon_id, now) THEN daemon_id
                ELSE prebuilds.note_sign_of_life(daemon_id, now)
           END;
COMMENT ON FUNCTION prebuilds.note_sign_of_life(uuid, timestamptz) IS
    'Notes that a daemon is alive, and returns its id. Errors: 22023 (NULL), P0002 (unknown), 42501 (registered by '
    'another role)';
COMMENT ON FUNCTION prebuilds.sign_of_life(uuid, timestamptz) IS
    'The id of the daemon, which is alive and the caller''s; noted at most every 10 seconds. Errors as of '
    'note_sign_of_life()';

CREATE FUNCTION @extschema@.prebuilds_register_provisioner(
    organization text, name text, provisioners text[] DEFAULT '{terraform}', tags jsonb DEFAULT '{}',
    version text DEFAULT '', fresh boolean DEFAULT false)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    caller constant text := prebuilds.caller_name();
    organization_id uuid;
    daemon_tags jsonb;
    daemon_id uuid;
    holder text;
    lost uuid[];
BEGIN
    IF coalesce(organization, '') = '' THEN
        organization := prebuilds.required_name('organization', organization);
    ELSIF provisioners IS NULL THEN
        PERFORM prebuilds.refuse_null('provisioners');
    ELSIF tags IS NULL THEN
        PERFORM prebuilds.refuse_null('tags');
    ELSIF version IS NULL THEN
        PERFORM prebuilds.refuse_null('version');
    ELSIF fresh IS NULL THEN
        PERFORM prebuilds.refuse_null('fresh');
    ELSIF provisioners = '{}' OR array_position(provisioners, NULL) IS NOT NULL OR '' = ANY (provisioners) THEN
        RAISE EXCEPTION 'provisioners % names no provisioner', provisioners
            USING ERRCODE = '22023', HINT = 'Pass the types of jobs that the daemon can do, such as {terraform}.';
    END IF;
    name := prebuilds.required_name('name', name);
    daemon_tags := prebuilds.read_tags(tags);
    SELECT o.id INTO organization_id FROM prebuilds.organizations AS o
    WHERE lower(o.name) = lower(organization) AND NOT o.deleted;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'organization "%" does not exist', left(organization, 64)
            USING ERRCODE = 'P0002', HINT = 'Organizations are made by prebuilds_push_template().';
    END IF;

    INSERT INTO prebuilds.provisioner_daemons AS d
        (id, created_at, updated_at, name, provisioners, tags, last_seen_at, version, organization_id, owner_role)
    VALUES (prebuilds.uuid_v7(now), now, now, name, provisioners, daemon_tags, now, version, organization_id, caller)
    ON CONFLICT ON CONSTRAINT provisioner_daemons_organization_id_name_key DO UPDATE
    SET updated_at = excluded.updated_at, provisioners = excluded.provisioners, tags = excluded.tags,
        last_seen_at = excluded.last_seen_at, version = excluded.version, owner_role = excluded.owner_role
    -- A daemon of nobody, or of a role that is gone, may be taken over.
    WHERE d.owner_role IS NULL OR d.owner_role = excluded.owner_role
       OR NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = d.owner_role)
    RETURNING d.id INTO daemon_id;
    IF daemon_id IS NULL THEN
        SELECT d.owner_role INTO holder FROM prebuilds.provisioner_daemons AS d
        WHERE d.organization_id = organization_id AND d.name = name;
        RAISE EXCEPTION 'provisioner daemon "%" belongs to another role', name
            USING ERRCODE = '42501', DETAIL = format('It was registered by %I.', holder), HINT = 'Choose another name.';
    END IF;

    IF fresh THEN
        SELECT coalesce(array_agg(j.id), '{}') INTO lost FROM prebuilds.provisioner_jobs AS j
        WHERE j.worker_id = daemon_id AND j.started_at IS NOT NULL AND j.completed_at IS NULL;
        PERFORM prebuilds.lock_jobs(lost);
        UPDATE prebuilds.provisioner_jobs AS j
        SET completed_at = now, updated_at = now, error = 'the provisioner restarted', error_code = 'PROVISIONER_RESTARTED'
        WHERE j.id = ANY (lost) AND j.completed_at IS NULL;
    END IF;
    RETURN daemon_id;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_register_provisioner(text, text, text[], jsonb, text, boolean) IS
    'Registers a provisioner daemon of an organization under its name, or says that it is alive, and returns its id. '
    'provisioners: the types of jobs that it can do; tags: {"tag": "value"}, see prebuilds_acquire_job. It belongs to '
    'the calling role. fresh: it has just started and knows of no job, so jobs that it held fail. Errors: 22023 (NULL, '
    'empty, not a set of tags), P0002 (unknown organization), 42501 (the name is another role''s daemon)';

-- Jobs -------------------------------------------------------------------------------------------------------------

CREATE FUNCTION prebuilds.lock_jobs(job_ids uuid[]) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    workspace_ids uuid[];
BEGIN
    SELECT coalesce(array_agg(b.workspace_id), '{}') INTO workspace_ids
    FROM prebuilds.workspace_builds AS b WHERE b.job_id = ANY (job_ids);
    PERFORM FROM prebuilds.workspaces AS w WHERE w.id = ANY (workspace_ids) ORDER BY w.id FOR UPDATE;
    PERFORM FROM prebuilds.live_prebuilds AS l WHERE l.workspace_id = ANY (workspace_ids)
        ORDER BY l.workspace_id FOR UPDATE;
    PERFORM FROM prebuilds.provisioner_jobs AS j WHERE j.id = ANY (job_ids) ORDER BY j.id FOR UPDATE;
END
$$;
COMMENT ON FUNCTION prebuilds.lock_jobs(uuid[]) IS
    'Locks the workspaces of jobs with their rows of the read model, then the jobs: the lock order. Waits as long as '
    'lock_timeout allows';

CREATE FUNCTION prebuilds.refuse_job(job_id uuid) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF job_id IS NULL THEN
        PERFORM prebuilds.refuse_null('job_id');
    END IF;
    PERFORM prebuilds.refuse_unknown('job', job_id);
END
$$;
COMMENT ON FUNCTION prebuilds.refuse_job(uuid) IS 'Errors: 22023 (NULL), P0002 (there is no such job)';

CREATE FUNCTION prebuilds.refuse_held(
    job_id uuid, daemon_id uuid, worker_id uuid, job_status prebuilds.provisioner_job_status)
    RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF job_status IS NULL THEN
        PERFORM prebuilds.refuse_job(job_id);
    ELSIF worker_id IS DISTINCT FROM daemon_id THEN
        RAISE EXCEPTION 'job % is not held by provisioner daemon %', job_id, daemon_id
            USING ERRCODE = '42501', HINT = 'Only the daemon that acquired a job may report on it.';
    END IF;
    RAISE EXCEPTION 'job % has ended', job_id
        USING ERRCODE = '55000', DETAIL = format('It is %s.', job_status),
              HINT = 'Drop what the job made, and acquire another one.';
END
$$;
COMMENT ON FUNCTION prebuilds.refuse_held(uuid, uuid, uuid, prebuilds.provisioner_job_status) IS
    'Errors: 22023, P0002 (no status: there is no such job), 42501 (the daemon does not hold it), 55000 (it has ended)';
CREATE FUNCTION prebuilds.holds(
    daemon_id uuid, worker_id uuid, job_status prebuilds.provisioner_job_status)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN worker_id IS NOT DISTINCT FROM daemon_id AND job_status IN ('running', 'canceling');
COMMENT ON FUNCTION prebuilds.holds(uuid, uuid, prebuilds.provisioner_job_status) IS
    'Whether a job of this worker and status is at work on this daemon';

CREATE FUNCTION @extschema@.prebuilds_acquire_job(daemon_id uuid, max_jobs integer DEFAULT 1)
    RETURNS TABLE (job_id uuid, type text, workspace_id uuid, workspace_name text, owner_id uuid, owner_name text,
                   transition text, build_number integer, stage text, organization_name text, template_name text,
                   template_version_name text, definition jsonb, parameters jsonb, provisioner_state bytea, tags jsonb)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER ROWS 1
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_acquire_job';
COMMENT ON FUNCTION @extschema@.prebuilds_acquire_job(uuid, integer) IS
    'Hands up to max_jobs pending jobs of the daemon''s organization and provisioner types to it, with all that it '
    'needs; no row = nothing to do. People''s jobs come before those of the prebuilds user, then the oldest. The tags '
    'of a job must be among the daemon''s; a job without tags of its own goes to daemons without tags of their own. '
    'stage is create (a prebuild), claim (a prebuild that becomes somebody''s) or none. Never waits for a lock. LISTEN '
    'provisioner_job_posted tells of new jobs; poll every few seconds all the same. Errors: 22023 (NULL, less than 1), '
    'P0002 (unknown daemon), 42501 (registered by another role)';

CREATE FUNCTION @extschema@.prebuilds_update_job(
    job_id uuid, daemon_id uuid, logs text[] DEFAULT '{}', OUT canceled boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    present_id constant uuid := prebuilds.sign_of_life(daemon_id, now);
    job record;
    kept bigint;
BEGIN
    IF job_id IS NULL THEN
        PERFORM prebuilds.refuse_null('job_id');
    ELSIF logs IS NULL OR array_position(logs, NULL) IS NOT NULL THEN
        PERFORM prebuilds.refuse_null('logs');
    END IF;
    SELECT j.worker_id, j.job_status INTO job
    FROM prebuilds.provisioner_jobs AS j WHERE j.id = job_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('job', job_id);
    END IF;
    IF NOT prebuilds.holds(present_id, job.worker_id, job.job_status) THEN
        PERFORM prebuilds.refuse_held(job_id, present_id, job.worker_id, job.job_status);
    END IF;
    UPDATE prebuilds.provisioner_jobs AS j SET updated_at = now WHERE j.id = job_id;
    IF logs <> '{}' THEN
        SELECT coalesce(sum(octet_length(l.line)), 0) INTO kept
        FROM prebuilds.provisioner_job_logs AS l WHERE l.job_id = job_id;
        INSERT INTO prebuilds.provisioner_job_logs (job_id, created_at, line)
        SELECT job_id, now, n.line
        FROM (SELECT e.line, e.position, sum(octet_length(e.line)) OVER (ORDER BY e.position) AS length
              FROM unnest(logs) WITH ORDINALITY AS e (line, position)) AS n
        WHERE kept + n.length <= 1024 * 1024
        ORDER BY n.position;
    END IF;
    canceled := job.job_status = 'canceling';
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_update_job(uuid, uuid, text[]) IS
    'Heartbeat of a running job: keeps its lines of log (the first 1 MiB of a job) and tells whether it has been '
    'canceled; then stop and complete it. A job without an update for prebuilds.job_hang_timeout fails. Errors: 22023 '
    '(NULL), P0002 (unknown job or daemon), 42501 (not the daemon that holds the job, registered by another role), '
    '55000 (the job has ended)';

CREATE FUNCTION @extschema@.prebuilds_complete_job(
    job_id uuid, daemon_id uuid, provisioner_state bytea DEFAULT NULL, resources jsonb DEFAULT '[]',
    OUT agent_ids uuid[])
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_complete_job';
COMMENT ON FUNCTION @extschema@.prebuilds_complete_job(uuid, uuid, bytea, jsonb) IS
    'A job has done its work, or has stopped because it was canceled. provisioner_state: what the next build of this '
    'workspace is given (NULL: what this one was given). resources: [{"type", "name", "daily_cost", "instance_type", '
    '"metadata": {}, "agents": [{"name", "metadata": {}}]}], of which type and name are required; returns the ids of '
    'the agents in that order, to be passed to prebuilds_report_agent. Agents of earlier builds are deleted, a user''s '
    'started workspace gets its deadline, and a workspace whose delete completes is deleted. Errors: 22023 (NULL, '
    'wrong JSON: the path is in DETAIL), P0002 (unknown job or daemon), 42501 (not the daemon that holds the job, '
    'registered by another role), 55000 (the job has ended)';

CREATE FUNCTION @extschema@.prebuilds_fail_job(
    job_id uuid, daemon_id uuid, error text, error_code text DEFAULT NULL, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    present_id constant uuid := prebuilds.sign_of_life(daemon_id, now);
    job record;
BEGIN
    IF error IS NULL THEN
        PERFORM prebuilds.refuse_null('error');
    ELSIF error = '' THEN
        RAISE EXCEPTION 'error is empty'
            USING ERRCODE = '22023', HINT = 'Say what went wrong: without an error the job would not have failed.';
    END IF;
    job := prebuilds.lock_job(job_id);
    IF NOT prebuilds.holds(present_id, job.worker_id, job.job_status) THEN
        PERFORM prebuilds.refuse_held(job_id, present_id, job.worker_id, job.job_status);
    END IF;
    UPDATE prebuilds.provisioner_jobs AS j
    SET completed_at = now, updated_at = now, error = error, error_code = error_code WHERE j.id = job_id;
    changed := true;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_fail_job(uuid, uuid, text, text) IS
    'A job could not do its work: it has failed with this error (not empty) and code. Errors: 22023 (NULL, empty), '
    'P0002 (unknown job or daemon), 42501 (not the daemon that holds the job, registered by another role), 55000 (the '
    'job has ended)';

CREATE FUNCTION @extschema@.prebuilds_cancel_job(job_id uuid, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    job record;
BEGIN
    job := prebuilds.lock_job(job_id);
    IF job.job_status IS NULL THEN
        PERFORM prebuilds.refuse_job(job_id);
    END IF;
    IF job.job_status IN ('succeeded', 'failed') THEN
        RAISE EXCEPTION 'job % has ended', job_id
            USING ERRCODE = '55000', DETAIL = format('It is %s.', job.job_status),
                  HINT = 'Only a pending or running job can be canceled.';
    END IF;
    changed := job.job_status IN ('pending', 'running');
    -- updated_at stays: it is the daemon's sign of life.
    UPDATE prebuilds.provisioner_jobs AS j
    SET canceled_at = now, completed_at = CASE WHEN job.job_status = 'pending' THEN now END
    WHERE changed AND j.id = job_id;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_cancel_job(uuid) IS
    'Cancels a job: a pending one ends at once, of a running one its daemon is told at the next update; changed is '
    'false if it was canceled before. Errors: 22023 (NULL), P0002 (unknown job), 55000 (it has succeeded or failed)';

CREATE FUNCTION @extschema@.prebuilds_report_agent(agent_id uuid, lifecycle_state text, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    agent_job_id uuid;
    agent_workspace_id uuid;
    agent record;
BEGIN
    IF agent_id IS NULL THEN
        PERFORM prebuilds.refuse_null('agent_id');
    ELSIF lifecycle_state IS NULL THEN
        PERFORM prebuilds.refuse_null('lifecycle_state');
    ELSIF lifecycle_state <> ALL (enum_range(NULL::prebuilds.workspace_agent_lifecycle_state)::text[]) THEN
        RAISE EXCEPTION 'lifecycle_state "%" does not exist', left(lifecycle_state, 64)
            USING ERRCODE = '22023',
                  HINT = format('States are %s.', array_to_string(
                      enum_range(NULL::prebuilds.workspace_agent_lifecycle_state), ', '));
    END IF;
    SELECT r.job_id INTO agent_job_id
    FROM prebuilds.workspace_agents AS a
    JOIN prebuilds.workspace_resources AS r ON r.id = a.resource_id
    WHERE a.id = agent_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('agent', agent_id);
    END IF;
    SELECT b.workspace_id INTO agent_workspace_id FROM prebuilds.workspace_builds AS b WHERE b.job_id = agent_job_id;
    PERFORM prebuilds.lock_workspace(agent_workspace_id);

    SELECT a.lifecycle_state, a.deleted, a.first_ready_at INTO agent
    FROM prebuilds.workspace_agents AS a WHERE a.id = agent_id FOR UPDATE;
    IF agent.deleted THEN
        RAISE EXCEPTION 'agent % is deleted', agent_id
            USING ERRCODE = '55000', DETAIL = 'It belongs to an earlier build, or to a deleted workspace.',
                  HINT = 'Stop it: the agents of the latest build are the ones that count.';
    END IF;
    changed := agent.lifecycle_state <> lifecycle_state::prebuilds.workspace_agent_lifecycle_state;
    UPDATE prebuilds.workspace_agents AS a
    SET lifecycle_state = lifecycle_state::prebuilds.workspace_agent_lifecycle_state, updated_at = now,
        started_at = CASE WHEN lifecycle_state = 'starting' THEN now ELSE coalesce(a.started_at, now) END,
        ready_at = CASE lifecycle_state WHEN 'ready' THEN now WHEN 'starting' THEN NULL ELSE a.ready_at END,
        first_ready_at = CASE WHEN lifecycle_state = 'ready' THEN coalesce(a.first_ready_at, now) ELSE a.first_ready_at END
    WHERE changed AND a.id = agent_id;
    IF changed AND lifecycle_state = 'ready' AND agent.first_ready_at IS NULL THEN
        PERFORM prebuilds.observe_ready_prebuild(agent_workspace_id, now);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_report_agent(uuid, text) IS
    'An agent of a workspace is in this state: created, starting, start_timeout, start_error, ready, shutting_down, '
    'shutdown_timeout, shutdown_error or off; a prebuild can be claimed once all its agents are ready. changed is '
    'false if it was in that state. Errors: 22023 (NULL, no such state), P0002 (unknown agent), 55000 (the agent is '
    'deleted)';

-- Reaper -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION prebuilds.running_since(place timestamptz, now timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(now - interval '10 s',
                 (SELECT j.started_at FROM prebuilds.provisioner_jobs AS j
                  WHERE j.started_at >= coalesce(place, '-infinity') AND j.completed_at IS NULL
                    AND j.job_status IN ('running', 'canceling')
                  ORDER BY j.started_at LIMIT 1))
$$;
COMMENT ON FUNCTION prebuilds.running_since(timestamptz, timestamptz) IS
    'An instant before which no running job has started. place: an earlier such instant, where the search begins, NULL for '
    'the beginning; beside an old snapshot what ran before is in the way for long. Jobs that are committed more than 10 '
    'seconds after they started may be missed';

CREATE FUNCTION prebuilds.reap_jobs(now timestamptz, since timestamptz) RETURNS TABLE (job_id uuid, reason text)
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    hang_timeout constant text := prebuilds.setting('job_hang_timeout');
    pending_timeout constant text := prebuilds.setting('job_pending_timeout');
    -- At the beginning of time there is nothing to reap.
    silent_since constant timestamptz := greatest(now, '4000-01-01 00:00:00+00 BC') - hang_timeout::interval;
    pending_since constant timestamptz := greatest(now, '4000-01-01 00:00:00+00 BC') - pending_timeout::interval;
    overdue record;
    build_workspace_id uuid;
BEGIN
    IF prebuilds.held() THEN
        RETURN;
    END IF;
    FOR overdue IN
        SELECT j.id, 'JOB_HUNG' AS error_code, format('no update of a running job for %s', hang_timeout) AS error
        FROM prebuilds.provisioner_jobs AS j
        WHERE j.started_at >= since AND j.completed_at IS NULL AND j.updated_at <= silent_since
        UNION ALL
        -- By the dictionary of queues, so that the jobs of the prebuilds user, which may wait, cost nothing.
        SELECT p.id, 'JOB_PENDING_TIMEOUT', format('no provisioner has taken the job for %s', pending_timeout)
        FROM prebuilds.job_queues AS q
        CROSS JOIN LATERAL (
            SELECT j.id FROM prebuilds.provisioner_jobs AS j
            WHERE j.queue_key = q.queue_key
              AND (CASE WHEN j.initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid THEN 1 ELSE 0 END) = 0
              AND j.created_at <= pending_since
              AND j.started_at IS NULL AND j.completed_at IS NULL AND j.canceled_at IS NULL
            OFFSET 0
        ) AS p
    LOOP
        -- Whoever has locked it is at work on it: nothing is overdue, or it will be the next time.
        SELECT b.workspace_id INTO build_workspace_id FROM prebuilds.workspace_builds AS b WHERE b.job_id = overdue.id;
        IF FOUND THEN
            PERFORM FROM prebuilds.workspaces AS w WHERE w.id = build_workspace_id FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
            PERFORM FROM prebuilds.live_prebuilds AS l WHERE l.workspace_id = build_workspace_id FOR UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND AND EXISTS (SELECT FROM prebuilds.live_prebuilds AS l
                                                WHERE l.workspace_id = build_workspace_id);
        END IF;
        SELECT j.id INTO job_id FROM prebuilds.provisioner_jobs AS j
        WHERE j.id = overdue.id
          AND CASE overdue.error_code
                  WHEN 'JOB_HUNG' THEN j.job_status IN ('running', 'canceling') AND j.updated_at <= silent_since
                  ELSE j.job_status = 'pending'
              END
        FOR UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;
        UPDATE prebuilds.provisioner_jobs AS j
        SET completed_at = now, updated_at = now, error = overdue.error, error_code = overdue.error_code
        WHERE j.id = job_id;
        reason := overdue.error;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION prebuilds.reap_jobs(timestamptz, timestamptz) IS
    'The work of prebuilds_reap_jobs at an instant; of running jobs, on those that started at another one or later. Never '
    'waits for a lock';

CREATE FUNCTION @extschema@.prebuilds_reap_jobs(as_of timestamptz DEFAULT NULL)
    RETURNS TABLE (job_id uuid, reason text)
    LANGUAGE sql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.job_id, r.reason FROM prebuilds.reap_jobs(prebuilds.instant(as_of), '-infinity') AS r
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_reap_jobs(timestamptz) IS
    'Fails the jobs that nobody will finish: running ones without an update for prebuilds.job_hang_timeout, and pending '
    'ones that nobody took for prebuilds.job_pending_timeout, except those of the prebuilds user, which may wait. A row '
    'for each. The worker does the same every minute. Nothing happens while the database is held. Errors: 42501 (as_of '
    'without being operator), 22023 (as_of is infinite)';
