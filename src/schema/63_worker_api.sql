-- The background worker: start, stop, status; and what tells it of changes.

CREATE FUNCTION @extschema@.prebuilds_worker_start(OUT changed boolean)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_worker_start';
COMMENT ON FUNCTION @extschema@.prebuilds_worker_start() IS
    'Lets this database have a worker again after prebuilds_worker_stop: the launcher starts it. Without '
    'shared_preload_libraries: starts one now, which lives until it is stopped or the server ends, and to which changes '
    'are not reported, so that it works by sweep alone. False: there is one, or one is on its way. Takes effect at '
    'once, not at commit. Errors: 53000 (no free worker slot), 55000 (during recovery, or the worker ended at once)';

CREATE FUNCTION @extschema@.prebuilds_worker_stop(cause text DEFAULT NULL, OUT changed boolean)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_worker_stop';
COMMENT ON FUNCTION @extschema@.prebuilds_worker_stop(text) IS
    'Ends this database''s worker: cancels and rolls back a pass that runs, waits until the process is gone, and writes '
    'the cause to the server''s log. With shared_preload_libraries none is started until prebuilds_worker_start or the '
    'server''s restart, also if none ran. False: it was stopped already. Takes effect at once, not at commit. Errors: '
    '55P03 (the worker has not ended within 30 s; it will), 53400 (too many databases)';

CREATE FUNCTION @extschema@.prebuilds_worker_status()
    RETURNS TABLE (pid integer, state text, last_pass timestamptz, elapsed interval, presets_total integer,
                   presets_reconciled integer, created integer, deleted integer, canceled integer, conflicts integer,
                   errors integer, paused boolean, next_due timestamptz, lock_holder_pid integer, concurrency integer,
                   preloaded boolean, stop_cause text, problem text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1 SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_worker_status';
COMMENT ON FUNCTION @extschema@.prebuilds_worker_status() IS
    'One row about this database''s worker. state: absent, starting, idle, running, failing (waits before it tries '
    'again), stopping, stopped, standby; without shared_preload_libraries only absent or running. last_pass = when the '
    'last pass that had the lock began, elapsed to paused = what it did; next_due = when the next pass comes at the '
    'latest; lock_holder_pid = who is in a pass now; concurrency = writers of a pass; problem = the last pass''s error';

-- Wake-ups ---------------------------------------------------------------------------------------------------------
-- What happens to workspaces and jobs comes by the read model. These are for what a pool should be like.

CREATE FUNCTION prebuilds.pass_counts() RETURNS TABLE (outcome text, passes bigint)
    LANGUAGE c VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'prebuilds_pass_counts';
COMMENT ON FUNCTION prebuilds.pass_counts() IS
    'How many passes over this database there were since the server started, by anybody: acted, idle (nothing to do), '
    'paused (or held or disabled), without_lock (another one was running), failed (the worker tries again). Rolled back '
    'ones count. No row without shared_preload_libraries';

CREATE FUNCTION prebuilds.note_changed(preset_id uuid) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'prebuilds_note_changed';
COMMENT ON FUNCTION prebuilds.note_changed(uuid) IS
    'Wakes the worker when this transaction commits, to look at this preset';

CREATE FUNCTION prebuilds.note_changed_preset() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_note_changed_preset';
COMMENT ON FUNCTION prebuilds.note_changed_preset() IS
    'Wakes the worker for the preset that the row has in the column that is the trigger''s argument';

CREATE FUNCTION prebuilds.note_changed_settings() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'prebuilds_note_changed_settings';
COMMENT ON FUNCTION prebuilds.note_changed_settings() IS 'Wakes the worker for a pass over all presets';

CREATE FUNCTION prebuilds.note_changed_template() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM prebuilds.note_changed(p.id)
    FROM prebuilds.template_version_presets AS p
    WHERE p.template_version_id IN (OLD.active_version_id, NEW.active_version_id);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION prebuilds.note_changed_template() IS
    'Wakes the worker for the presets of the version that was active and of the one that is';

CREATE TRIGGER note_changed_template AFTER UPDATE ON prebuilds.templates
    FOR EACH ROW
    WHEN ((OLD.active_version_id, OLD.deleted, OLD.deprecated)
          IS DISTINCT FROM (NEW.active_version_id, NEW.deleted, NEW.deprecated))
    EXECUTE FUNCTION prebuilds.note_changed_template();
CREATE TRIGGER note_changed_preset AFTER INSERT OR UPDATE ON prebuilds.template_version_presets
    FOR EACH ROW EXECUTE FUNCTION prebuilds.note_changed_preset('id');
CREATE TRIGGER note_changed_preset AFTER INSERT OR UPDATE OR DELETE
    ON prebuilds.template_version_preset_prebuild_schedules
    FOR EACH ROW EXECUTE FUNCTION prebuilds.note_changed_preset('preset_id');
CREATE TRIGGER note_changed_preset AFTER INSERT OR UPDATE OR DELETE ON prebuilds.template_version_preset_parameters
    FOR EACH ROW EXECUTE FUNCTION prebuilds.note_changed_preset('template_version_preset_id');
CREATE TRIGGER note_changed_settings AFTER UPDATE OR DELETE ON prebuilds.template_version_parameters
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.note_changed_settings();
CREATE TRIGGER note_changed_settings AFTER INSERT OR UPDATE OR DELETE ON prebuilds.site_configs
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.note_changed_settings();
CREATE TRIGGER note_changed_settings AFTER UPDATE ON prebuilds.installation
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.note_changed_settings();
