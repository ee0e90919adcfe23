-- What an operator turns: pause, desired counts, and a preset that has given up.

CREATE FUNCTION prebuilds.held() RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_held';
CREATE FUNCTION prebuilds.paused() RETURNS boolean
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_paused';
COMMENT ON FUNCTION prebuilds.held() IS
    'Whether this database is a restore or a copy that nobody has resumed yet: no pass, no reaper, no hand-out of jobs';
COMMENT ON FUNCTION prebuilds.paused() IS 'Whether somebody has paused reconciliation';

CREATE FUNCTION prebuilds.caller_name() RETURNS text
    LANGUAGE sql STABLE PARALLEL RESTRICTED
    RETURN pg_catalog.pg_get_userbyid(prebuilds.caller());
COMMENT ON FUNCTION prebuilds.caller_name() IS 'The name of the role that calls';

CREATE FUNCTION @extschema@.prebuilds_pause(reason text DEFAULT NULL, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO prebuilds.site_configs AS c (key, value)
    VALUES ('prebuilds_settings',
            jsonb_build_object('reconciliation_paused', true, 'changed_by', prebuilds.caller_name(),
                               'changed_at', clock_timestamp(), 'reason', reason)::text)
    ON CONFLICT (key) DO UPDATE SET value = (c.value::jsonb || excluded.value::jsonb)::text
        WHERE NOT (c.value::jsonb ->> 'reconciliation_paused')::boolean;
    changed := FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_pause(text) IS
    'Stops reconciliation: no membership, create, delete or cancel until prebuilds_resume. Claims and the queue go on. '
    'Who, when and why are kept in prebuilds.site_configs. Returns false if it was paused already';

CREATE FUNCTION @extschema@.prebuilds_resume(OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE prebuilds.site_configs AS c
    SET value = (c.value::jsonb || jsonb_build_object('reconciliation_paused', false,
                                                      'changed_by', prebuilds.caller_name(),
                                                      'changed_at', clock_timestamp(), 'reason', NULL))::text
    WHERE c.key = 'prebuilds_settings' AND (c.value::jsonb ->> 'reconciliation_paused')::boolean;
    changed := FOUND;

    UPDATE prebuilds.installation AS i
    SET created_by_restore = false, database_oid = prebuilds.this_database()
    WHERE i.created_by_restore OR i.database_oid <> prebuilds.this_database();
    changed := changed OR FOUND;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_resume() IS
    'Ends a pause, and releases a restored or copied database that is held: from now on its passes create and delete. '
    'Returns false if it was neither paused nor held';

CREATE FUNCTION @extschema@.prebuilds_set_desired(preset_id uuid, instances integer, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present integer;
BEGIN
    IF preset_id IS NULL THEN
        PERFORM prebuilds.refuse_null('preset_id');
    END IF;
    IF instances IS NULL OR instances NOT BETWEEN 0 AND 100000 THEN
        RAISE EXCEPTION 'invalid number of instances: %', coalesce(instances::text, 'null')
            USING ERRCODE = '22023', HINT = 'Give a number from 0 to 100000; 0 drains the pool.';
    END IF;
    SELECT p.desired_instances INTO present
    FROM prebuilds.template_version_presets AS p WHERE p.id = preset_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('preset', preset_id);
    END IF;
    changed := present IS DISTINCT FROM instances;
    IF changed THEN
        UPDATE prebuilds.template_version_presets AS p
        SET desired_instances = instances, updated_at = clock_timestamp() WHERE p.id = preset_id;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_set_desired(uuid, integer) IS
    'Sets how many prebuilds a preset keeps where no schedule says otherwise: 0 to 100000. A preset without prebuilds '
    'gets them. Returns false if it was that number already. Errors: P0002 unknown preset, 22023 NULL or out of range';

CREATE FUNCTION @extschema@.prebuilds_reset_preset(preset_id uuid, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now constant timestamptz := clock_timestamp();
    preset prebuilds.template_version_presets;
BEGIN
    IF preset_id IS NULL THEN
        PERFORM prebuilds.refuse_null('preset_id');
    END IF;
    SELECT * INTO preset FROM prebuilds.template_version_presets AS p WHERE p.id = preset_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('preset', preset_id);
    END IF;
    changed := preset.prebuild_status <> 'healthy'
        OR EXISTS (SELECT FROM prebuilds.preset_failures AS f
                   WHERE f.preset_id = preset.id
                     AND f.created_at > coalesce(preset.failures_reset_at, '-infinity'))
        OR EXISTS (SELECT FROM prebuilds.live_prebuilds AS l
                   WHERE l.build_preset_id = preset.id AND l.transition = 'start' AND l.job_status = 'failed'
                     AND l.build_created_at > coalesce(preset.failures_reset_at, '-infinity'));
    IF changed THEN
        UPDATE prebuilds.template_version_presets AS p
        SET failures_reset_at = now, prebuild_status = 'healthy', updated_at = now
        WHERE p.id = preset.id;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_reset_preset(uuid) IS
    'Starts a preset again that is hard limited, in backoff or failed its validation: failures so far no longer count, '
    'and stay as evidence. Returns false if there was none. Errors: P0002 unknown preset, 22023 NULL';
