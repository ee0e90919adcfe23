-- The API of applications: users, claims, workspaces and their builds, the outbox.
--
-- In the functions of this file and the next a bare name is always a variable; columns are qualified.

-- Users and presets ------------------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.prebuilds_ensure_user(username text, email text DEFAULT NULL) RETURNS uuid
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    address constant text := coalesce(email, username || '@localhost');
    user_id uuid;
BEGIN
    username := prebuilds.required_name('username', username);
    IF email = '' OR char_length(email) > 254 THEN
        RAISE EXCEPTION 'email "%" is empty or too long', left(email, 64)
            USING ERRCODE = '22023', HINT = 'Pass 1 to 254 characters, or NULL for username@localhost.';
    END IF;
    -- A second look finds whoever was quicker.
    FOR attempt IN 1 .. 2 LOOP
        SELECT u.id INTO user_id FROM prebuilds.users AS u WHERE lower(u.username) = lower(username) AND NOT u.deleted;
        IF user_id = prebuilds.system_user_id() THEN
            RAISE EXCEPTION 'username "%" is the prebuilds user''s', username
                USING ERRCODE = '22023', HINT = 'Choose another name: the prebuilds user owns no claimed workspaces.';
        END IF;
        IF user_id IS NULL THEN
            INSERT INTO prebuilds.users AS u (id, created_at, updated_at, username, email)
            VALUES (prebuilds.uuid_v7(now), now, now, username, address)
            ON CONFLICT DO NOTHING
            RETURNING u.id INTO user_id;
        END IF;
        IF user_id IS NOT NULL THEN
            RETURN user_id;
        END IF;
    END LOOP;
    RAISE EXCEPTION 'email "%" belongs to another user', address
        USING ERRCODE = '23505', HINT = 'Pass another email.';
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_ensure_user(text, text) IS
    'The id of the user with this name (case does not matter), who is made when new; an existing user stays as he is. '
    'email NULL: username@localhost. Errors: 22023 (NULL, empty, over 64 characters, the prebuilds user), 23505 (the '
    'email is another user''s)';

CREATE FUNCTION prebuilds.oldest_unexpired(last_invalidated_at timestamptz, ttl_seconds integer, now timestamptz)
    RETURNS timestamptz
    LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_oldest_unexpired';
COMMENT ON FUNCTION prebuilds.oldest_unexpired(timestamptz, integer, timestamptz) IS
    'A running prebuild of a preset has expired if and only if it was created before this instant. NULL = now is NULL';

CREATE FUNCTION @extschema@.prebuilds_find_preset(organization text, template text, preset text DEFAULT NULL)
    RETURNS TABLE (template_id uuid, template_version_id uuid, preset_id uuid, eligible integer)
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
BEGIN
    IF organization IS NULL THEN
        PERFORM prebuilds.refuse_null('organization');
    ELSIF template IS NULL THEN
        PERFORM prebuilds.refuse_null('template');
    ELSIF organization = '' OR template = '' OR preset = '' THEN
        RAISE EXCEPTION 'a name is empty'
            USING ERRCODE = '22023',
                  HINT = 'Pass the names of an organization and a template, and that of a preset or NULL.';
    END IF;
    RETURN QUERY
        SELECT t.id, p.template_version_id, p.id,
               CASE WHEN t.deprecated <> '' THEN 0 ELSE (
                   SELECT count(*)::integer FROM prebuilds.live_prebuilds AS l
                   WHERE l.preset_id = p.id
                     AND l.transition = 'start' AND l.job_status = 'succeeded' AND l.ready
                     AND l.created_at >= prebuilds.oldest_unexpired(p.last_invalidated_at, p.invalidate_after_secs, now)
               ) END
        FROM prebuilds.organizations AS o
        JOIN prebuilds.templates AS t ON t.organization_id = o.id
        JOIN prebuilds.template_version_presets AS p ON p.template_version_id = t.active_version_id
        WHERE lower(o.name) = lower(organization) AND NOT o.deleted
          AND lower(t.name) = lower(template) AND NOT t.deleted
          AND CASE WHEN preset IS NULL THEN p.is_default ELSE p.name = preset END;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_find_preset(text, text, text) IS
    'The preset of this name (NULL: the default one) of the active version of a template, and how many of its prebuilds '
    'could be claimed now; no row if there is none. Errors: 22023 (NULL or empty names)';

CREATE FUNCTION prebuilds.matching_preset(template_version_id uuid, parameters jsonb) RETURNS uuid
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.id
    FROM prebuilds.template_version_presets AS p
    CROSS JOIN LATERAL (
        SELECT count(*) AS wanted,
               count(*) FILTER (WHERE matching_preset.parameters ->> v.name = v.value) AS equal
        FROM prebuilds.template_version_preset_parameters AS v
        WHERE v.template_version_preset_id = p.id
    ) AS given
    WHERE p.template_version_id = matching_preset.template_version_id AND given.equal = given.wanted
    ORDER BY given.wanted DESC, p.name COLLATE "C"
    LIMIT 1
$$;
COMMENT ON FUNCTION prebuilds.matching_preset(uuid, jsonb) IS
    'The preset of a version whose parameters are all present and equal in the request: the one with the most '
    'parameters, then the one with the lowest name';

CREATE FUNCTION @extschema@.prebuilds_match_preset(template_version_id uuid, parameters jsonb) RETURNS uuid
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    IF template_version_id IS NULL THEN
        PERFORM prebuilds.refuse_null('template_version_id');
    END IF;
    IF parameters IS NULL THEN
        PERFORM prebuilds.refuse_null('parameters');
    END IF;
    PERFORM FROM prebuilds.template_versions AS v WHERE v.id = template_version_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('template version', template_version_id);
    END IF;
    RETURN prebuilds.matching_preset(template_version_id, prebuilds.texts_of(parameters, 'parameters'));
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_match_preset(uuid, jsonb) IS
    'The preset that a request with these parameters ({"name": "value"}) means: of the presets of the version whose '
    'parameters are all present and equal in it the one with the most parameters, then the one with the lowest name; '
    'NULL = none. Errors: 22023 (NULL, not an object of values), P0002 (unknown version)';

-- Claims -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION prebuilds.insert_build(
    workspace_id uuid, organization_id uuid, owner_id uuid, template_version_id uuid, provisioner text, tags jsonb,
    build_number integer, transition text, initiator_id uuid, preset_id uuid, stage text, previous_build_id uuid,
    parameters jsonb, now timestamptz)
    RETURNS uuid
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_insert_build';
COMMENT ON FUNCTION prebuilds.insert_build(uuid, uuid, uuid, uuid, text, jsonb, integer, text, uuid, uuid, text, uuid,
                                           jsonb, timestamptz) IS
    'Writes a build, its pending job and its parameters (NULL = those of the previous build), and returns the job. The '
    'provisioner state of the previous build goes on. organization_id and owner_id are the workspace''s, provisioner the '
    'template''s, tags the version''s, which the job gets normalised for the owner. preset_id and previous_build_id may '
    'be NULL too. Error 22004: another argument is NULL';

CREATE FUNCTION prebuilds.refuse_owner(owner_id uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF owner_id IS NULL THEN
        PERFORM prebuilds.refuse_null('owner_id');
    END IF;
    RAISE EXCEPTION 'owner % is the prebuilds user', owner_id
        USING ERRCODE = '22023', HINT = 'Pass the id of a person, see prebuilds_ensure_user().';
END
$$;
CREATE FUNCTION prebuilds.required_owner(owner_id uuid) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN owner_id <> prebuilds.system_user_id() THEN owner_id ELSE prebuilds.refuse_owner(owner_id) END;
COMMENT ON FUNCTION prebuilds.refuse_owner(uuid) IS 'Error 22023: nobody, or the prebuilds user';
COMMENT ON FUNCTION prebuilds.required_owner(uuid) IS
    'The owner. Error 22023 unless it is somebody who can own a claimed workspace';

CREATE FUNCTION prebuilds.refuse_lifecycle(autostart_schedule text, next_start_at timestamptz) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF autostart_schedule = '' THEN
        RAISE EXCEPTION 'autostart_schedule is empty'
            USING ERRCODE = '22023', HINT = 'Pass a schedule, or NULL for none.';
    END IF;
    RAISE EXCEPTION 'next_start_at % is not an instant', next_start_at
        USING ERRCODE = '22023', HINT = 'Pass a finite time, or NULL for none.';
END
$$;
CREATE FUNCTION prebuilds.is_lifecycle(autostart_schedule text, next_start_at timestamptz) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(autostart_schedule <> '', true) AND coalesce(isfinite(next_start_at), true);
COMMENT ON FUNCTION prebuilds.refuse_lifecycle(text, timestamptz) IS 'Error 22023: an empty or infinite argument';
COMMENT ON FUNCTION prebuilds.is_lifecycle(text, timestamptz) IS
    'Whether lifecycle arguments are neither empty nor infinite; they may be NULL';

CREATE FUNCTION prebuilds.refuse_taken_name(owner_id uuid, name text) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'the owner already has a workspace named "%"', name
        USING ERRCODE = '23505', DETAIL = format('The owner is %s; case does not matter.', owner_id),
              HINT = 'Choose another name.';
END
$$;
COMMENT ON FUNCTION prebuilds.refuse_taken_name(uuid, text) IS 'Error 23505: the owner has a workspace of this name';

CREATE FUNCTION prebuilds.claim(
    preset_id uuid, owner_id uuid, name text, autostart_schedule text, next_start_at timestamptz, ttl bigint,
    build boolean, parameters jsonb, now timestamptz, OUT workspace_id uuid, OUT job_id uuid)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'prebuilds_claim';
COMMENT ON FUNCTION prebuilds.claim(uuid, uuid, text, text, timestamptz, bigint, boolean, jsonb, timestamptz) IS
    'Makes the oldest eligible prebuild of a preset the owner''s workspace; NULL = none, and the miss is recorded. The '
    'arguments are known to be good but for the ids, and not NULL but for autostart_schedule and next_start_at, ttl (in '
    'nanoseconds; NULL = the template''s) and parameters (NULL = those it was built with). Never waits for a lock. '
    'Errors: P0002 (unknown preset or user), 0A000 (prebuilds.enabled is off), 23505 (the name is taken)';

CREATE FUNCTION @extschema@.prebuilds_claim(
    preset_id uuid, owner_id uuid, name text, autostart_schedule text DEFAULT NULL,
    next_start_at timestamptz DEFAULT NULL, ttl interval DEFAULT NULL, build boolean DEFAULT true,
    as_of timestamptz DEFAULT NULL)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := prebuilds.instant(as_of);
    nanoseconds constant bigint := prebuilds.nanoseconds(ttl);
BEGIN
    IF preset_id IS NULL THEN
        PERFORM prebuilds.refuse_null('preset_id');
    ELSIF build IS NULL THEN
        PERFORM prebuilds.refuse_null('build');
    END IF;
    owner_id := prebuilds.required_owner(owner_id);
    name := prebuilds.required_name('name', name);
    IF NOT prebuilds.is_lifecycle(autostart_schedule, next_start_at) THEN
        PERFORM prebuilds.refuse_lifecycle(autostart_schedule, next_start_at);
    END IF;
    RETURN (prebuilds.claim(preset_id, owner_id, name, autostart_schedule, next_start_at, nanoseconds, build, NULL,
                            now)).workspace_id;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_claim(uuid, uuid, text, text, timestamptz, interval, boolean, timestamptz) IS
    'Hands the oldest eligible prebuild of a preset to a user, in the caller''s transaction, and returns the workspace; '
    'NULL = nothing to claim. The workspace gets the name (1 to 64 characters), the lifecycle settings given (ttl: '
    'else the template''s, 0 = none) and a start build of its new owner; build => false hands it over as it runs. '
    'Errors: 22023 (NULL, out of range, the prebuilds user), P0002 (unknown preset or user), 0A000 (prebuilds.enabled '
    'is off), 23505 (the owner has a workspace of this name), 42501 (as_of without being operator)';

CREATE FUNCTION prebuilds.build_values(template_version_id uuid, preset_id uuid, parameters jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    given jsonb;
    defaults jsonb;
    wrong record;
BEGIN
    SELECT parameters || coalesce(jsonb_object_agg(v.name, v.value), '{}') INTO given
    FROM prebuilds.template_version_preset_parameters AS v WHERE v.template_version_preset_id = preset_id;

    SELECT p.name, x.problem INTO wrong
    FROM prebuilds.template_version_parameters AS p
    CROSS JOIN LATERAL (
        SELECT prebuilds.parameter_problem(given ->> p.name, p.required, p.default_value, p.options,
                                           p.validation_regex) AS problem
    ) AS x
    WHERE p.template_version_id = template_version_id AND x.problem IS NOT NULL
    ORDER BY p.display_order, p.name LIMIT 1;
    IF FOUND THEN
        PERFORM prebuilds.refuse_input('parameters.' || wrong.name,
                                       format('parameter "%s": %s', wrong.name, wrong.problem),
                                       'Give a value that the template version allows.');
    END IF;

    SELECT coalesce(jsonb_object_agg(p.name, p.default_value), '{}') INTO defaults
    FROM prebuilds.template_version_parameters AS p
    WHERE p.template_version_id = template_version_id AND NOT p.required;
    RETURN defaults || given;
END
$$;
COMMENT ON FUNCTION prebuilds.build_values(uuid, uuid, jsonb) IS
    'The parameters of a build: the preset''s values, then those of the request, then the version''s defaults. Errors: '
    '22023 (a value that the version does not allow, or a required one is missing)';

CREATE FUNCTION @extschema@.prebuilds_create_workspace(
    template_id uuid, owner_id uuid, name text, parameters jsonb DEFAULT '{}',
    OUT workspace_id uuid, OUT claimed boolean, INOUT preset_id uuid DEFAULT NULL,
    template_version_id uuid DEFAULT NULL, autostart_schedule text DEFAULT NULL,
    next_start_at timestamptz DEFAULT NULL, ttl interval DEFAULT NULL, as_of timestamptz DEFAULT NULL,
    OUT job_id uuid)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := prebuilds.instant(as_of);
    nanoseconds constant bigint := prebuilds.nanoseconds(ttl);
    given jsonb;
    template record;
    preset_version_id uuid;
    version record;
    build_values jsonb;
BEGIN
    IF template_id IS NULL THEN
        PERFORM prebuilds.refuse_null('template_id');
    END IF;
    owner_id := prebuilds.required_owner(owner_id);
    name := prebuilds.required_name('name', name);
    IF parameters IS NULL THEN
        PERFORM prebuilds.refuse_null('parameters');
    END IF;
    given := prebuilds.texts_of(parameters, 'parameters');
    IF NOT prebuilds.is_lifecycle(autostart_schedule, next_start_at) THEN
        PERFORM prebuilds.refuse_lifecycle(autostart_schedule, next_start_at);
    END IF;
    PERFORM FROM prebuilds.users AS u WHERE u.id = owner_id AND NOT u.deleted;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('user', owner_id);
    END IF;

    -- The lock keeps a deletion of the template out until this workspace is there for it to see.
    SELECT t.organization_id, t.active_version_id, t.deleted, t.default_ttl, t.provisioner INTO template
    FROM prebuilds.templates AS t WHERE t.id = template_id FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('template', template_id);
    ELSIF template.deleted THEN
        RAISE EXCEPTION 'template % is deleted', template_id
            USING ERRCODE = '55000', HINT = 'Choose another template.';
    END IF;
    IF preset_id IS NOT NULL THEN
        SELECT p.template_version_id INTO preset_version_id
        FROM prebuilds.template_version_presets AS p WHERE p.id = preset_id;
        IF NOT FOUND THEN
            PERFORM prebuilds.refuse_unknown('preset', preset_id);
        END IF;
    END IF;
    template_version_id := coalesce(template_version_id, preset_version_id, template.active_version_id);
    IF template_version_id IS NULL THEN
        RAISE EXCEPTION 'template % has no active version', template_id
            USING ERRCODE = '55000', HINT = 'Promote a version first, or pass template_version_id.';
    END IF;
    SELECT v.template_id, v.tags INTO version
    FROM prebuilds.template_versions AS v WHERE v.id = template_version_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('template version', template_version_id);
    ELSIF version.template_id <> template_id THEN
        RAISE EXCEPTION 'template version % is not one of template %', template_version_id, template_id
            USING ERRCODE = '22023', HINT = 'Pass a version and a preset of that template.';
    ELSIF preset_version_id <> template_version_id THEN
        RAISE EXCEPTION 'preset % is not one of template version %', preset_id, template_version_id
            USING ERRCODE = '22023', HINT = 'Pass a preset of that version, or leave out the version.';
    END IF;
    preset_id := coalesce(preset_id, prebuilds.matching_preset(template_version_id, given));
    build_values := prebuilds.build_values(template_version_id, preset_id, given);

    IF preset_id IS NOT NULL AND prebuilds.setting('enabled')::boolean THEN
        SELECT c.workspace_id, c.job_id INTO workspace_id, job_id
        FROM prebuilds.claim(preset_id, owner_id, name, autostart_schedule, next_start_at, nanoseconds, true,
                             build_values, now) AS c;
    END IF;
    claimed := workspace_id IS NOT NULL;
    IF NOT claimed THEN
        IF EXISTS (SELECT FROM prebuilds.workspaces AS w
                   WHERE w.owner_id = owner_id AND lower(w.name) = lower(name) AND NOT w.deleted) THEN
            PERFORM prebuilds.refuse_taken_name(owner_id, name);
        END IF;
        workspace_id := prebuilds.uuid_v7(now);
        INSERT INTO prebuilds.workspaces
            (id, created_at, updated_at, owner_id, organization_id, template_id, name, autostart_schedule, ttl,
             next_start_at, last_used_at)
        VALUES (workspace_id, now, now, owner_id, template.organization_id, template_id, name, autostart_schedule,
                nullif(coalesce(nanoseconds, template.default_ttl), 0), next_start_at, now);
        job_id := prebuilds.insert_build(workspace_id, template.organization_id, owner_id, template_version_id,
                                         template.provisioner, version.tags, 1, 'start', owner_id, preset_id, 'none',
                                         NULL, build_values, now);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_create_workspace(uuid, uuid, text, jsonb, uuid, uuid, text, timestamptz,
                                                           interval, timestamptz) IS
    'A workspace of a template for a user: claimed from the preset (NULL: the one that the parameters match) where it '
    'has an eligible prebuild, else built from scratch; claimed says which. parameters is {"name": "value"}; values of '
    'the preset win over them, and missing ones take their defaults. template_version_id NULL: the preset''s, else the '
    'active one. Lifecycle settings as in prebuilds_claim. Errors: 22023 (NULL, out of range, a value that the version '
    'does not allow, preset, version and template that do not belong together), P0002 (unknown id), 55000 (deleted '
    'template, no active version), 23505 (the owner has a workspace of this name), 42501 (as_of without being operator)';

-- Workspaces and their builds --------------------------------------------------------------------------------------

CREATE FUNCTION @extschema@.prebuilds_workspace(workspace_id uuid)
    RETURNS TABLE (owner_name text, organization_name text, template_name text, template_version_name text,
                   preset_name text, build_number integer, transition text, job_status text, error text, ready boolean,
                   resources jsonb, agents jsonb, deadline timestamptz)
    LANGUAGE plpgsql STABLE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    build_id uuid;
    build_job_id uuid;
BEGIN
    IF workspace_id IS NULL THEN
        PERFORM prebuilds.refuse_null('workspace_id');
    END IF;
    SELECT b.id, b.job_id INTO build_id, build_job_id
    FROM prebuilds.workspace_builds AS b WHERE b.workspace_id = workspace_id
    ORDER BY b.build_number DESC LIMIT 1;

    SELECT coalesce(jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name, 'lifecycle_state', a.lifecycle_state,
                                                 'metadata', a.metadata) ORDER BY a.name, a.id), '[]'),
           coalesce(bool_and(a.lifecycle_state = 'ready') FILTER (WHERE a.parent_id IS NULL), false)
    INTO agents, ready
    FROM (SELECT r.id FROM prebuilds.workspace_resources AS r WHERE r.job_id = build_job_id OFFSET 0) AS r
    CROSS JOIN LATERAL (
        SELECT a.* FROM prebuilds.workspace_agents AS a WHERE a.resource_id = r.id AND NOT a.deleted OFFSET 0
    ) AS a;
    SELECT coalesce(jsonb_agg(jsonb_build_object('type', r.type, 'name', r.name, 'daily_cost', r.daily_cost,
                                                 'metadata', r.metadata) ORDER BY r.name, r.type, r.id), '[]')
    INTO resources
    FROM prebuilds.workspace_resources AS r WHERE r.job_id = build_job_id;

    SELECT u.username, o.name, t.name INTO owner_name, organization_name, template_name
    FROM prebuilds.workspaces AS w
    JOIN prebuilds.users AS u ON u.id = w.owner_id
    JOIN prebuilds.organizations AS o ON o.id = w.organization_id
    JOIN prebuilds.templates AS t ON t.id = w.template_id
    WHERE w.id = workspace_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('workspace', workspace_id);
    END IF;
    SELECT v.name, p.name, b.build_number, b.transition::text, j.job_status::text, j.error,
           CASE WHEN b.deadline > '0001-01-01 00:00:00+00' THEN b.deadline END
    INTO template_version_name, preset_name, build_number, transition, job_status, error, deadline
    FROM prebuilds.workspace_builds AS b
    JOIN prebuilds.provisioner_jobs AS j ON j.id = b.job_id
    JOIN prebuilds.template_versions AS v ON v.id = b.template_version_id
    LEFT JOIN prebuilds.template_version_presets AS p ON p.id = b.template_version_preset_id
    WHERE b.id = build_id;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_workspace(uuid) IS
    'A workspace and its latest build: names, status of the job and its error, the resources and agents that the '
    'provisioner reported, and when it stops (NULL = never). ready: it has an agent and all its agents are ready. '
    'Errors: 22023 (NULL), P0002 (unknown workspace)';

CREATE FUNCTION @extschema@.prebuilds_build_workspace(workspace_id uuid, transition text, initiator_id uuid)
    RETURNS uuid
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    workspace prebuilds.workspaces;
    latest record;
BEGIN
    IF workspace_id IS NULL THEN
        PERFORM prebuilds.refuse_null('workspace_id');
    ELSIF transition IS NULL THEN
        PERFORM prebuilds.refuse_null('transition');
    ELSIF initiator_id IS NULL THEN
        PERFORM prebuilds.refuse_null('initiator_id');
    ELSIF transition NOT IN ('start', 'stop', 'delete') THEN
        RAISE EXCEPTION 'transition "%" does not exist', left(transition, 64)
            USING ERRCODE = '22023', HINT = 'Transitions are start, stop and delete.';
    ELSIF initiator_id = prebuilds.system_user_id() THEN
        RAISE EXCEPTION 'initiator % is the prebuilds user', initiator_id
            USING ERRCODE = '22023', HINT = 'Pass the id of a person, see prebuilds_ensure_user().';
    END IF;
    PERFORM FROM prebuilds.users AS u WHERE u.id = initiator_id AND NOT u.deleted;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('user', initiator_id);
    END IF;
    workspace := prebuilds.lock_workspace(workspace_id);
    IF workspace.id IS NULL THEN
        PERFORM prebuilds.refuse_unknown('workspace', workspace_id);
    ELSIF workspace.deleted THEN
        RAISE EXCEPTION 'workspace % is deleted', workspace_id
            USING ERRCODE = '55000', HINT = 'Create a new one with prebuilds_create_workspace().';
    END IF;
    SELECT b.id, b.build_number, b.template_version_id, b.template_version_preset_id, b.open, v.tags,
           (SELECT t.provisioner FROM prebuilds.templates AS t WHERE t.id = v.template_id) AS provisioner
    INTO latest
    FROM (SELECT f.* FROM prebuilds.workspace_builds AS f WHERE f.workspace_id = workspace_id
          ORDER BY f.build_number DESC LIMIT 1) AS b
    CROSS JOIN LATERAL (SELECT f.tags, f.template_id FROM prebuilds.template_versions AS f
                        WHERE f.id = b.template_version_id LIMIT 1) AS v;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workspace % has no build to go on from', workspace_id
            USING ERRCODE = '55000', HINT = 'Create workspaces with prebuilds_create_workspace().';
    ELSIF latest.open OR EXISTS (SELECT FROM prebuilds.workspace_builds AS b
                                 WHERE b.workspace_id = workspace_id AND b.open) THEN
        RAISE EXCEPTION 'workspace % has an active build', workspace_id
            USING ERRCODE = '55000', HINT = 'Wait until its job has ended, or cancel it with prebuilds_cancel_job().';
    END IF;
    RETURN prebuilds.insert_build(workspace_id, workspace.organization_id, workspace.owner_id,
                                  latest.template_version_id, latest.provisioner, latest.tags, latest.build_number + 1,
                                  transition, initiator_id, latest.template_version_preset_id, 'none', latest.id, NULL,
                                  now);
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_build_workspace(uuid, text, uuid) IS
    'A person starts, stops or deletes a workspace: a new build with the version, preset, parameters and state of the '
    'last one; returns its job. Errors: 22023 (NULL, no such transition, the prebuilds user), P0002 (unknown workspace '
    'or user), 55000 (deleted, or a build is active)';

CREATE FUNCTION @extschema@.prebuilds_delete_failed(preset_id uuid, older_than interval DEFAULT '0')
    RETURNS TABLE (workspace_id uuid)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    failed uuid[];
    build record;
BEGIN
    IF preset_id IS NULL THEN
        PERFORM prebuilds.refuse_null('preset_id');
    ELSIF older_than IS NULL THEN
        PERFORM prebuilds.refuse_null('older_than');
    ELSIF NOT isfinite(older_than) OR older_than NOT BETWEEN interval '0' AND interval '100 years' THEN
        RAISE EXCEPTION 'older_than % is out of range', older_than
            USING ERRCODE = '22023', HINT = 'Pass the least age of a failure, 0 (every failure) to 100 years.';
    END IF;
    PERFORM FROM prebuilds.template_version_presets AS p WHERE p.id = preset_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('preset', preset_id);
    END IF;

    -- All workspaces first, by id, then their rows of the read model: the lock order.
    SELECT coalesce(array_agg(l.workspace_id), '{}') INTO failed
    FROM prebuilds.live_prebuilds AS l
    WHERE l.preset_id = preset_id AND l.job_status IN ('failed', 'canceled');
    PERFORM FROM prebuilds.workspaces AS w WHERE w.id = ANY (failed) ORDER BY w.id FOR UPDATE;
    PERFORM FROM prebuilds.live_prebuilds AS l WHERE l.workspace_id = ANY (failed) ORDER BY l.workspace_id FOR UPDATE;

    FOR build IN
        SELECT l.workspace_id, l.build_id, l.build_number, l.template_version_id, l.build_preset_id, v.organization_id,
               v.tags, (SELECT t.provisioner FROM prebuilds.templates AS t WHERE t.id = v.template_id) AS provisioner
        FROM prebuilds.live_prebuilds AS l
        JOIN prebuilds.template_versions AS v ON v.id = l.template_version_id
        WHERE l.workspace_id = ANY (failed) AND l.job_status IN ('failed', 'canceled')
          AND coalesce(l.job_completed_at, l.build_created_at) <= now - older_than
        ORDER BY l.created_at, l.workspace_id
    LOOP
        workspace_id := build.workspace_id;
        PERFORM prebuilds.insert_build(workspace_id, build.organization_id, prebuilds.system_user_id(),
                                       build.template_version_id, build.provisioner, build.tags,
                                       build.build_number + 1, 'delete', prebuilds.system_user_id(),
                                       build.build_preset_id, 'none', build.build_id, NULL, now);
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_delete_failed(uuid, interval) IS
    'Starts a delete build for every prebuild of a preset whose latest build failed or was canceled at least older_than '
    'ago, and returns those workspaces, oldest first; a delete that failed is tried again. Errors: 22023 (NULL, '
    'out of range), P0002 (unknown preset)';

-- Notifications ----------------------------------------------------------------------------------------------------

CREATE FUNCTION prebuilds.template_admins(organization_id uuid) RETURNS SETOF uuid
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.id
    FROM prebuilds.users AS u
    WHERE NOT u.deleted AND u.id <> prebuilds.system_user_id()
      AND (u.rbac_roles && '{template-admin,owner}'
           OR EXISTS (SELECT FROM prebuilds.organization_members AS m
                      WHERE m.user_id = u.id AND m.organization_id = template_admins.organization_id
                        AND m.roles && '{organization-template-admin,organization-admin}'))
    ORDER BY u.id
$$;
COMMENT ON FUNCTION prebuilds.template_admins(uuid) IS
    'Who is told of what happens to the pools of an organization: template admins and owners of the site, template '
    'admins and admins of the organization';

CREATE FUNCTION @extschema@.prebuilds_track_resource_replacement(
    workspace_id uuid, build_id uuid, replacements jsonb, OUT notifications integer)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
    wrong text;
    preset_id uuid;
    about record;
BEGIN
    IF workspace_id IS NULL THEN
        PERFORM prebuilds.refuse_null('workspace_id');
    ELSIF build_id IS NULL THEN
        PERFORM prebuilds.refuse_null('build_id');
    ELSIF replacements IS NULL THEN
        PERFORM prebuilds.refuse_null('replacements');
    ELSIF jsonb_typeof(replacements) <> 'object' OR replacements = '{}' THEN
        wrong := 'replacements';
    ELSE
        SELECT 'replacements.' || e.key INTO wrong
        FROM jsonb_each(replacements) AS e
        WHERE e.key = '' OR jsonb_typeof(e.value) <> 'array'
           OR jsonb_path_exists(e.value, 'strict $[*] ? (@.type() != "string")')
        ORDER BY e.key LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM prebuilds.refuse_input(wrong, format('not replaced resources: %s', prebuilds.shown(replacements)),
                                       'Give an object {"resource": ["path"]} of at least one resource.');
    END IF;
    PERFORM FROM prebuilds.workspaces AS w WHERE w.id = workspace_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('workspace', workspace_id);
    END IF;
    PERFORM FROM prebuilds.workspace_builds AS b WHERE b.id = build_id AND b.workspace_id = workspace_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown(format('build of workspace %s', workspace_id), build_id);
    END IF;
    SELECT b.template_version_preset_id INTO preset_id
    FROM prebuilds.workspace_builds AS b WHERE b.workspace_id = workspace_id AND b.build_number = 1;
    IF preset_id IS NULL THEN
        RAISE EXCEPTION 'the first build of workspace % has no preset', workspace_id
            USING ERRCODE = '55000', HINT = 'Only claimed prebuilds replace resources, and those were built from a preset.';
    END IF;

    notifications := 0;
    INSERT INTO prebuilds.resource_replacements
        (id, created_at, preset_id, workspace_id, workspace_build_id, replacements)
    VALUES (prebuilds.uuid_v7(now), now, preset_id, workspace_id, build_id, replacements)
    ON CONFLICT DO NOTHING;
    -- Counted once per claim; a provisioner that reports it again tells nobody again.
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT t.organization_id, o.name AS organization_name, t.id AS template_id, t.name AS template_name,
           v.name AS template_version_name, p.name AS preset_name, w.name AS workspace_name
    INTO about
    FROM prebuilds.template_version_presets AS p
    JOIN prebuilds.template_versions AS v ON v.id = p.template_version_id
    JOIN prebuilds.templates AS t ON t.id = v.template_id
    JOIN prebuilds.organizations AS o ON o.id = t.organization_id
    CROSS JOIN prebuilds.workspaces AS w
    WHERE p.id = preset_id AND w.id = workspace_id;
    INSERT INTO prebuilds.metric_observations (id, created_at, template_id, preset_name, metric)
    VALUES (prebuilds.uuid_v7(now), now, about.template_id, about.preset_name,
            'coderd_prebuilt_workspaces_resource_replacements_total');
    INSERT INTO prebuilds.notifications (id, created_at, kind, user_id, payload)
    SELECT prebuilds.uuid_v7(now), now, 'prebuilds_resource_replaced', a.user_id,
           jsonb_build_object('organization_name', about.organization_name, 'template_name', about.template_name,
                              'template_version_name', about.template_version_name, 'preset_name', about.preset_name,
                              'workspace_id', workspace_id, 'workspace_name', about.workspace_name,
                              'replacements', replacements)
    FROM prebuilds.template_admins(about.organization_id) AS a (user_id);
    GET DIAGNOSTICS notifications = ROW_COUNT;
    IF notifications > 0 THEN
        PERFORM pg_notify('prebuilds_notification', '');
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_track_resource_replacement(uuid, uuid, jsonb) IS
    'Records that the claim build of a workspace replaced resources ({"resource": ["path", ...]}) instead of handing '
    'them over, and tells every template admin; returns how many, 0 if this build was recorded before. Errors: 22023 '
    '(NULL, not such an object), P0002 (unknown workspace, or no build of it), 55000 (its first build has no preset)';

CREATE FUNCTION @extschema@.prebuilds_take_notifications(max integer DEFAULT 100)
    RETURNS TABLE (id uuid, kind text, user_id uuid, payload jsonb, created_at timestamptz)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    now constant timestamptz := clock_timestamp();
BEGIN
    IF max IS NULL THEN
        PERFORM prebuilds.refuse_null('max');
    ELSIF max < 1 THEN
        RAISE EXCEPTION 'max % is out of range', max
            USING ERRCODE = '22023', HINT = 'Ask for at least one notification.';
    END IF;
    RETURN QUERY
        WITH due AS (
            SELECT n.id FROM prebuilds.notifications AS n WHERE n.delivered_at IS NULL
            ORDER BY n.created_at, n.id
            LIMIT max FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE prebuilds.notifications AS n SET delivered_at = now FROM due WHERE n.id = due.id
            RETURNING n.id, n.kind, n.user_id, n.payload, n.created_at
        )
        SELECT t.id, t.kind, t.user_id, t.payload, t.created_at FROM taken AS t ORDER BY t.created_at, t.id;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_take_notifications(integer) IS
    'Takes up to max undelivered notifications out of the outbox, oldest first, and marks them delivered; those that '
    'another session is taking are left to it. LISTEN prebuilds_notification tells of new ones. Errors: 22023 (NULL, '
    'less than 1)';
