-- Who may do what: next to nothing for PUBLIC, and five sets of functions to hand out.

CREATE VIEW prebuilds.api_functions AS
SELECT p.oid::regprocedure AS function, p.proname AS name, p.proacl AS acl, p.pronamespace::regnamespace AS schema
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_depend AS d
    ON d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
   AND d.refclassid = 'pg_catalog.pg_extension'::regclass
JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pg_prebuilds'
WHERE p.pronamespace <> 'prebuilds'::regnamespace;
COMMENT ON VIEW prebuilds.api_functions IS 'The functions that are meant to be called';

CREATE VIEW prebuilds.capability_functions AS
SELECT c.capability, f.function, f.name, f.acl
FROM (VALUES
    ('observer', ARRAY['prebuilds_status', 'prebuilds_plan', 'prebuilds_org_status', 'prebuilds_metrics',
                       'prebuilds_worker_status', 'prebuilds_workspace', 'prebuilds_find_preset']),
    ('claimer', ARRAY['prebuilds_ensure_user', 'prebuilds_find_preset', 'prebuilds_match_preset', 'prebuilds_claim',
                      'prebuilds_create_workspace', 'prebuilds_build_workspace', 'prebuilds_workspace',
                      'prebuilds_cancel_job']),
    ('author', ARRAY['prebuilds_push_template', 'prebuilds_promote_version', 'prebuilds_deprecate_template',
                     'prebuilds_delete_template', 'prebuilds_invalidate', 'prebuilds_track_resource_replacement',
                     'prebuilds_find_preset', 'prebuilds_status', 'prebuilds_plan']),
    ('provisioner', ARRAY['prebuilds_register_provisioner', 'prebuilds_acquire_job', 'prebuilds_update_job',
                          'prebuilds_complete_job', 'prebuilds_fail_job', 'prebuilds_report_agent'])
) AS c (capability, names)
JOIN prebuilds.api_functions AS f ON f.name = ANY (c.names)
UNION ALL
SELECT 'operator', f.function, f.name, f.acl FROM prebuilds.api_functions AS f;
COMMENT ON VIEW prebuilds.capability_functions IS
    'The sets that prebuilds_grant hands out; operator holds every function of the API';

-- By the ACL itself: what a role inherits from another one, or may do as superuser, is not ours to take away.
CREATE FUNCTION prebuilds.is_granted(acl aclitem[], role oid, privilege text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN EXISTS (SELECT FROM aclexplode(acl) AS a WHERE a.grantee = role AND a.privilege_type = privilege);
COMMENT ON FUNCTION prebuilds.is_granted(aclitem[], oid, text) IS
    'Whether an access control list names the role itself with this privilege';

CREATE FUNCTION prebuilds.require_capability(role regrole, capability text) RETURNS void
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known constant text[] := ARRAY(SELECT DISTINCT c.capability FROM prebuilds.capability_functions AS c ORDER BY 1);
BEGIN
    IF role IS NULL THEN
        PERFORM prebuilds.refuse_null('role');
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = role) THEN
        RAISE EXCEPTION 'role "%" does not exist', role
            USING ERRCODE = 'P0002', HINT = 'Name a role, as in ''some_role''::regrole.';
    END IF;
    IF capability IS NULL OR capability <> ALL (known) THEN
        RAISE EXCEPTION 'unknown capability: %', coalesce(quote_ident(capability), 'null')
            USING ERRCODE = '22023', HINT = format('Capabilities are %s.', array_to_string(known, ', '));
    END IF;
END
$$;
COMMENT ON FUNCTION prebuilds.require_capability(regrole, text) IS
    'Refuses what prebuilds_grant and prebuilds_revoke cannot work with: 22023, or P0002 for an unknown role';

CREATE FUNCTION @extschema@.prebuilds_grant(role regrole, capability text, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target record;
BEGIN
    PERFORM prebuilds.require_capability(role, capability);
    -- PostgreSQL fails two changes of one access control list at once; this makes the second wait.
    PERFORM FROM prebuilds.installation FOR NO KEY UPDATE;
    changed := false;
    FOR target IN
        SELECT c.function FROM prebuilds.capability_functions AS c
        WHERE c.capability = prebuilds_grant.capability AND NOT prebuilds.is_granted(c.acl, role, 'EXECUTE')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', target.function, role);
        changed := true;
    END LOOP;
    FOR target IN
        SELECT n.nspname FROM pg_namespace AS n
        WHERE n.oid IN (SELECT f.schema FROM prebuilds.api_functions AS f)
          AND NOT prebuilds.is_granted(n.nspacl, role, 'USAGE')
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', target.nspname, role);
        changed := true;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_grant(regrole, text) IS
    'Gives a role one set of functions, with USAGE on their schema: observer, claimer, author, provisioner or operator '
    '(everything). Returns false if it had all of it. Errors: 22023 NULL or unknown capability, P0002 unknown role';

CREATE FUNCTION @extschema@.prebuilds_revoke(role regrole, capability text, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target record;
BEGIN
    PERFORM prebuilds.require_capability(role, capability);
    PERFORM FROM prebuilds.installation FOR NO KEY UPDATE;
    changed := false;
    FOR target IN
        WITH held AS (
            -- The other sets that the role has whole. They are all a part of operator, so that does not keep them.
            SELECT c.capability FROM prebuilds.capability_functions AS c
            WHERE c.capability <> prebuilds_revoke.capability AND prebuilds_revoke.capability <> 'operator'
            GROUP BY c.capability
            HAVING bool_and(prebuilds.is_granted(c.acl, role, 'EXECUTE'))
        )
        SELECT c.function FROM prebuilds.capability_functions AS c
        WHERE c.capability = prebuilds_revoke.capability AND prebuilds.is_granted(c.acl, role, 'EXECUTE')
          AND c.function NOT IN (SELECT k.function FROM prebuilds.capability_functions AS k JOIN held USING (capability))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM %s', target.function, role);
        changed := true;
    END LOOP;
    IF NOT EXISTS (SELECT FROM prebuilds.api_functions AS f WHERE prebuilds.is_granted(f.acl, role, 'EXECUTE')) THEN
        FOR target IN
            SELECT n.nspname FROM pg_namespace AS n
            WHERE n.oid IN (SELECT f.schema FROM prebuilds.api_functions AS f)
              AND prebuilds.is_granted(n.nspacl, role, 'USAGE')
        LOOP
            EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM %s', target.nspname, role);
            changed := true;
        END LOOP;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_revoke(regrole, text) IS
    'Takes one set of functions from a role, except those that another set needs which it has whole; operator takes '
    'everything. With the last function goes USAGE on their schema. Returns false if there was nothing to take. '
    'Errors: 22023 NULL or unknown capability, P0002 unknown role';

CREATE FUNCTION prebuilds.require_operator_for(as_of timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF as_of IS NOT NULL AND NOT EXISTS (
        SELECT FROM prebuilds.api_functions AS f
        WHERE f.name = 'prebuilds_pause' AND has_function_privilege(prebuilds.caller(), f.function, 'EXECUTE'))
    THEN
        RAISE EXCEPTION 'role "%" may not choose as_of', prebuilds.caller_name()
            USING ERRCODE = '42501',
                  HINT = 'Only operators act at another instant than now; leave as_of out, or see prebuilds_grant().';
    END IF;
END
$$;
COMMENT ON FUNCTION prebuilds.require_operator_for(timestamptz) IS
    'Refuses with 42501 an as_of from a caller without the operator set; NULL is for everybody';

DO $$
DECLARE
    member regprocedure;
BEGIN
    FOR member IN
        SELECT d.objid FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'pg_prebuilds'
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.deptype = 'e'
          AND d.refclassid = 'pg_catalog.pg_extension'::regclass
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member);
    END LOOP;
END
$$;
-- Writing a job needs no right but the one to write the table.
GRANT EXECUTE ON FUNCTION prebuilds.job_status(timestamptz, timestamptz, timestamptz, text),
                          prebuilds.queue_key(uuid, jsonb, text) TO PUBLIC;
