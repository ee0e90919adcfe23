-- The background worker: start, stop, status; and what tells it of changes.

CREATE FUNCTION @extschema@.prebuilds_worker_start(OUT changed boolean)
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER
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
    LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 1 SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_worker_status';
COMMENT ON FUNCTION @extschema@.prebuilds_worker_status() IS
    'One row about this database''s worker. state: absent, starting, idle, running, failing (waits before it tries '
    'again), stopping, stopped, standby; without shared_preload_libraries only absent or running. last_pass = when the '
    'last pass that had the lock began, elapsed to paused = what it did; next_due = when the next pass comes at the '
    'latest; lock_holder_pid = who is in a pass now; concurrency = writers of a pass; problem = the last pass''s error';

CREATE FUNCTION prebuilds.note_changed(preset_id uuid) RETURNS void
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'prebuilds_note_changed';
COMMENT ON FUNCTION prebuilds.note_changed(uuid) IS
    'Wakes the worker when this transaction commits, to look at this preset; NULL = at all of them';
