-- What constraints cannot say: schedules that make sense together, values that a workspace can be built from, templates
-- without people's workspaces, and which builds are open.

CREATE FUNCTION prebuilds.schedule_problem(timezone text, crons text[], instances integer[]) RETURNS jsonb
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_schedule_problem';
COMMENT ON FUNCTION prebuilds.schedule_problem(text, text[], integer[]) IS
    'The first thing wrong with the schedules of one preset, of which the i-th has the i-th expression and count: '
    '{"message", "detail", "hint", "index"} with null for what there is not; index counts from 0, null means the zone. '
    'NULL if all is well. Error 22023: not as many expressions as counts';

CREATE FUNCTION prebuilds.parameter_problem(value text, required boolean, default_value text, options jsonb,
                                            validation_regex text) RETURNS text
    LANGUAGE c IMMUTABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_parameter_problem';
COMMENT ON FUNCTION prebuilds.parameter_problem(text, boolean, text, jsonb, text) IS
    'Why no workspace can be built with this value (NULL = none given) of a parameter that is declared like this; NULL '
    'if one can. Options are strings or objects with a member "value"; a pattern must match somewhere, in the C collation; '
    'a default is checked unless it is empty. No declaration makes it fail';

CREATE FUNCTION prebuilds.check_written_schedules() RETURNS trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_check_written_schedules';
CREATE FUNCTION prebuilds.check_changed_zone() RETURNS trigger
    LANGUAGE c SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_check_changed_zone';
COMMENT ON FUNCTION prebuilds.check_written_schedules() IS
    'Checks all schedules of the presets whose schedules were written. Error 22023';
COMMENT ON FUNCTION prebuilds.check_changed_zone() IS
    'Checks the schedules of a preset in its new zone. Error 22023';

CREATE TRIGGER check_inserted_schedules AFTER INSERT ON prebuilds.template_version_preset_prebuild_schedules
    REFERENCING NEW TABLE AS new_schedules
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.check_written_schedules();
CREATE TRIGGER check_updated_schedules AFTER UPDATE ON prebuilds.template_version_preset_prebuild_schedules
    REFERENCING NEW TABLE AS new_schedules
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.check_written_schedules();
CREATE TRIGGER check_changed_zone AFTER UPDATE OF scheduling_timezone ON prebuilds.template_version_presets
    FOR EACH ROW WHEN (OLD.scheduling_timezone <> NEW.scheduling_timezone)
    EXECUTE FUNCTION prebuilds.check_changed_zone();

CREATE FUNCTION prebuilds.workspaces_in_the_way(template_id uuid) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_workspaces_in_the_way';
COMMENT ON FUNCTION prebuilds.workspaces_in_the_way(uuid) IS
    'How many workspaces of people forbid to delete a template, whose row the caller has locked FOR UPDATE. Waits for '
    'claims under way, and sees what has committed since the transaction''s snapshot. Error 40001: in REPEATABLE READ and '
    'above, when one that it waited for commits';

-- workspace_builds.open. Its triggers look at the job by a key look-up without SQL: a person's build costs a
-- microsecond. Names sort before those of the read model, which fire after them.
CREATE FUNCTION prebuilds.set_open() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_set_open';
CREATE FUNCTION prebuilds.mend_open() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_mend_open';
CREATE FUNCTION prebuilds.follow_turned_jobs() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_follow_turned_jobs';
CREATE FUNCTION prebuilds.follow_replicated_job() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_follow_replicated_job';
COMMENT ON FUNCTION prebuilds.set_open() IS
    'Sets the flag of a build that is about to be stored: its job is there and not final';
COMMENT ON FUNCTION prebuilds.mend_open() IS
    'Sets the flag of a build that was stored before its job, by one statement';
COMMENT ON FUNCTION prebuilds.follow_turned_jobs() IS
    'Sets the flags of the builds whose jobs became final, or ceased to be, in this statement, and observes those that '
    'have ended for the metrics';
COMMENT ON FUNCTION prebuilds.follow_replicated_job() IS
    'Sets the flag of the build of a replicated job, which may have come before it';

CREATE TRIGGER a_open_set BEFORE INSERT OR UPDATE OF job_id, open ON prebuilds.workspace_builds
    FOR EACH ROW EXECUTE FUNCTION prebuilds.set_open();
CREATE TRIGGER a_open_mend AFTER INSERT OR UPDATE OF job_id ON prebuilds.workspace_builds
    FOR EACH ROW WHEN (NOT NEW.open) EXECUTE FUNCTION prebuilds.mend_open();
CREATE TRIGGER a_open_follow AFTER UPDATE ON prebuilds.provisioner_jobs
    REFERENCING OLD TABLE AS old_jobs NEW TABLE AS new_jobs
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.follow_turned_jobs();
-- In place of the last one for rows that are replicated, or loaded with session_replication_role = replica.
CREATE TRIGGER a_open_follow_inserted AFTER INSERT ON prebuilds.provisioner_jobs
    FOR EACH ROW WHEN (NEW.job_status NOT IN ('succeeded', 'canceled', 'failed'))
    EXECUTE FUNCTION prebuilds.follow_replicated_job();
CREATE TRIGGER a_open_follow_updated AFTER UPDATE OF id, job_status ON prebuilds.provisioner_jobs
    FOR EACH ROW
    WHEN ((OLD.id, OLD.job_status IN ('succeeded', 'canceled', 'failed'))
          IS DISTINCT FROM (NEW.id, NEW.job_status IN ('succeeded', 'canceled', 'failed')))
    EXECUTE FUNCTION prebuilds.follow_replicated_job();
ALTER TABLE prebuilds.workspace_builds ENABLE ALWAYS TRIGGER a_open_set;
ALTER TABLE prebuilds.workspace_builds ENABLE ALWAYS TRIGGER a_open_mend;
ALTER TABLE prebuilds.provisioner_jobs ENABLE REPLICA TRIGGER a_open_follow_inserted;
ALTER TABLE prebuilds.provisioner_jobs ENABLE REPLICA TRIGGER a_open_follow_updated;

CREATE FUNCTION prebuilds.repair_open() RETURNS bigint
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
    SET jit = off
AS $$
DECLARE
    closed bigint;
    opened bigint;
    several bigint;
BEGIN
    -- One after the other: a workspace may have a build to close and one to open.
    UPDATE prebuilds.workspace_builds AS b
       SET open = DEFAULT
      FROM prebuilds.provisioner_jobs AS j
     WHERE b.open
       AND j.id = b.job_id
       AND j.job_status IN ('succeeded', 'canceled', 'failed');
    GET DIAGNOSTICS closed = ROW_COUNT;
    -- The newest where several are at work, which no flag can express.
    UPDATE prebuilds.workspace_builds AS b
       SET open = DEFAULT
      FROM (SELECT DISTINCT ON (n.workspace_id) n.id, n.workspace_id
              FROM prebuilds.workspace_builds AS n
              JOIN prebuilds.provisioner_jobs AS j ON j.id = n.job_id
             WHERE j.job_status NOT IN ('succeeded', 'canceled', 'failed')
             ORDER BY n.workspace_id, n.open DESC, n.build_number DESC) AS at_work
     WHERE b.id = at_work.id
       AND NOT b.open;
    GET DIAGNOSTICS opened = ROW_COUNT;
    SELECT count(DISTINCT b.workspace_id) INTO several
      FROM prebuilds.workspace_builds AS b
      JOIN prebuilds.provisioner_jobs AS j ON j.id = b.job_id
     WHERE NOT b.open
       AND j.job_status NOT IN ('succeeded', 'canceled', 'failed');
    IF several > 0 THEN
        RAISE WARNING 'workspaces with several builds at work: %', several
            USING DETAIL = 'They were loaded with triggers off.', HINT = 'Cancel all but one of each.';
    END IF;
    RETURN closed + opened;
END
$$;
COMMENT ON FUNCTION prebuilds.repair_open() IS
    'Sets workspace_builds.open where it is wrong, as after a load with triggers off; returns how many were. Reads all '
    'builds. Warns of workspaces with several builds whose jobs are not final: one of them is open';
