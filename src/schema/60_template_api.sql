-- The API of template authors: push, promote, deprecate, delete, invalidate.
--
-- A push reads all of its input into a form that is complete and in order, then writes that form, and keeps it: two
-- pushes are equal when their forms are, however they were written.

CREATE FUNCTION prebuilds.read_options(parameter jsonb, path text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    options constant jsonb := prebuilds.array_member(parameter, path, 'options');
    option_path text;
    option jsonb;
    i integer;
BEGIN
    FOR i IN 0 .. jsonb_array_length(options) - 1 LOOP
        option := options -> i;
        option_path := format('%s.options[%s]', path, i);
        IF jsonb_typeof(option) = 'object' THEN
            option := prebuilds.required_object(option, option_path, ARRAY['name', 'value']);
            PERFORM prebuilds.text_member(option, option_path, 'name');
            option := option -> 'value';
        END IF;
        IF coalesce(jsonb_typeof(option) NOT IN ('string', 'number', 'boolean'), true) THEN
            PERFORM prebuilds.refuse_input(option_path, format('invalid option: %s', prebuilds.shown(options -> i)),
                                           'Give a value, or an object {"name", "value"}.');
        END IF;
    END LOOP;
    RETURN options;
END
$$;
COMMENT ON FUNCTION prebuilds.read_options(jsonb, text) IS 'The checked options of a parameter of a push. Errors: 22023';

CREATE FUNCTION prebuilds.read_parameters(input jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given jsonb;
    path text;
    parameter jsonb;
    problem text;
    parameters jsonb := '[]';
    names text[] := '{}';
    i integer;
BEGIN
    IF jsonb_typeof(input) <> 'array' THEN
        PERFORM prebuilds.refuse_input('parameters', format('parameters is not a JSON array: %s', prebuilds.shown(input)),
                                       'Give one object per parameter: [{"name": "region", "required": true}].');
    END IF;
    FOR i IN 0 .. jsonb_array_length(input) - 1 LOOP
        given := input -> i;
        path := format('parameters[%s]', i);
        given := prebuilds.required_object(given, path, ARRAY['name', 'type', 'required', 'default_value', 'mutable',
                                                          'options', 'validation_regex', 'display_order']);
        parameter := jsonb_build_object(
            'name', prebuilds.name_member(given, path, 'name'),
            'type', coalesce(prebuilds.text_member(given, path, 'type'), ''),
            -- Who gives a default does not need the value.
            'required', coalesce(prebuilds.bool_member(given, path, 'required'),
                                 NOT prebuilds.has_member(given, 'default_value')),
            'default_value', coalesce(prebuilds.text_member(given, path, 'default_value'), ''),
            'mutable', coalesce(prebuilds.bool_member(given, path, 'mutable'), false),
            'options', prebuilds.read_options(given, path),
            'validation_regex', coalesce(prebuilds.text_member(given, path, 'validation_regex'), ''),
            'display_order', coalesce(prebuilds.integer_member(given, path, 'display_order', 0, 1000000), 0));
        IF parameter ->> 'name' = ANY (names) THEN
            PERFORM prebuilds.refuse_input(path || '.name', format('parameter "%s" is there twice', parameter ->> 'name'),
                                           'Give each parameter once.');
        END IF;
        names := names || (parameter ->> 'name');
        BEGIN
            PERFORM '' ~ (parameter ->> 'validation_regex');
        EXCEPTION WHEN invalid_regular_expression THEN
            PERFORM prebuilds.refuse_input(path || '.validation_regex',
                                           format('invalid validation_regex: %s', SQLERRM),
                                           'Give an advanced regular expression of PostgreSQL.');
        END;
        IF NOT (parameter ->> 'required')::boolean AND prebuilds.has_member(given, 'default_value') THEN
            problem := prebuilds.parameter_problem(parameter ->> 'default_value', false, NULL, parameter -> 'options',
                                                   parameter ->> 'validation_regex');
            IF problem IS NOT NULL THEN
                PERFORM prebuilds.refuse_input(path || '.default_value',
                                               format('default of parameter "%s": %s', parameter ->> 'name', problem),
                                               'Give a default that the parameter allows, or make it required.');
            END IF;
        END IF;
        parameters := parameters || jsonb_build_array(parameter);
    END LOOP;
    RETURN parameters;
END
$$;
COMMENT ON FUNCTION prebuilds.read_parameters(jsonb) IS 'The checked and completed parameters of a push. Errors: 22023';

CREATE FUNCTION prebuilds.read_preset_parameters(preset jsonb, path text, parameters jsonb, builds boolean)
    RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given jsonb := '{}';
    parameter record;
    unknown text;
BEGIN
    path := path || '.parameters';
    IF prebuilds.has_member(preset, 'parameters') THEN
        given := prebuilds.texts_of(preset -> 'parameters', path);
    END IF;
    -- A version that declares no parameter at all leaves them to its definition.
    SELECT k.key INTO unknown FROM jsonb_object_keys(given) AS k (key)
    WHERE parameters <> '[]'
      AND NOT EXISTS (SELECT FROM jsonb_array_elements(parameters) AS p WHERE p.value ->> 'name' = k.key)
    LIMIT 1;
    IF FOUND THEN
        PERFORM prebuilds.refuse_input(
            path || '.' || unknown, format('unknown parameter: "%s"', unknown),
            format('Parameters of this version are %s.',
                   (SELECT string_agg(p.value ->> 'name', ', ') FROM jsonb_array_elements(parameters) AS p)));
    END IF;
    FOR parameter IN
        SELECT p.value ->> 'name' AS name,
               prebuilds.parameter_problem(given ->> (p.value ->> 'name'), (p.value ->> 'required')::boolean,
                                           p.value ->> 'default_value', p.value -> 'options',
                                           p.value ->> 'validation_regex') AS problem
        FROM jsonb_array_elements(parameters) WITH ORDINALITY AS p (value, i)
        -- Only what is built without a person must be complete.
        WHERE builds OR given ? (p.value ->> 'name')
        ORDER BY p.i
    LOOP
        IF parameter.problem IS NOT NULL THEN
            PERFORM prebuilds.refuse_input(path || '.' || parameter.name,
                                           format('parameter "%s": %s', parameter.name, parameter.problem),
                                           'Give the preset a value that the parameter allows.');
        END IF;
    END LOOP;
    RETURN given;
END
$$;
COMMENT ON FUNCTION prebuilds.read_preset_parameters(jsonb, text, jsonb, boolean) IS
    'The checked values of a preset of a push, given the parameters of its version; builds: it has prebuilds. '
    'Errors: 22023';

CREATE FUNCTION prebuilds.read_scheduling(configuration jsonb, path text) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    scheduling jsonb;
    timezone text;
    given jsonb;
    cron text;
    instances integer;
    crons text[] := '{}';
    counts integer[] := '{}';
    schedules jsonb := '[]';
    problem jsonb;
    i integer;
BEGIN
    IF NOT prebuilds.has_member(configuration, 'scheduling') THEN
        RETURN jsonb_build_object('timezone', '', 'schedules', '[]'::jsonb);
    END IF;
    scheduling := configuration -> 'scheduling';
    path := path || '.scheduling';
    scheduling := prebuilds.required_object(scheduling, path, ARRAY['timezone', 'schedule']);
    timezone := coalesce(prebuilds.text_member(scheduling, path, 'timezone'), '');
    FOR i IN 0 .. jsonb_array_length(prebuilds.array_member(scheduling, path, 'schedule')) - 1 LOOP
        given := scheduling -> 'schedule' -> i;
        given := prebuilds.required_object(given, format('%s.schedule[%s]', path, i), ARRAY['cron', 'instances']);
        cron := coalesce(prebuilds.text_member(given, format('%s.schedule[%s]', path, i), 'cron'), '');
        instances := prebuilds.integer_member(given, format('%s.schedule[%s]', path, i), 'instances', 0, 100000);
        IF instances IS NULL THEN
            PERFORM prebuilds.refuse_input(format('%s.schedule[%s].instances', path, i), 'instances is missing',
                                           'Give a whole number from 0 to 100000.');
        END IF;
        crons := crons || cron;
        counts := counts || instances;
        schedules := schedules || jsonb_build_object('cron', cron, 'instances', instances);
    END LOOP;
    -- A zone without schedules is checked as well: the next version may have them.
    IF timezone <> '' OR schedules <> '[]' THEN
        problem := prebuilds.schedule_problem(timezone, crons, counts);
        IF problem IS NOT NULL THEN
            RAISE EXCEPTION '%', problem ->> 'message'
                USING ERRCODE = '22023',
                      DETAIL = concat_ws(' ', format('At %s%s.', path, coalesce(
                                                         '.schedule[' || (problem ->> 'index') || '].cron', '.timezone')),
                                         problem ->> 'detail'),
                      HINT = coalesce(problem ->> 'hint', 'See the documentation of schedules.');
        END IF;
    END IF;
    RETURN jsonb_build_object('timezone', timezone, 'schedules', schedules);
END
$$;
COMMENT ON FUNCTION prebuilds.read_scheduling(jsonb, text) IS 'The checked zone and schedules of a push. Errors: 22023';

CREATE FUNCTION prebuilds.read_preset(given jsonb, path text, parameters jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    has_prebuilds constant boolean := jsonb_typeof(given) = 'object' AND prebuilds.has_member(given, 'prebuilds');
    configuration jsonb := '{}';
    policy jsonb := '{}';
    instances integer;
    ttl integer;
BEGIN
    given := prebuilds.required_object(given, path, ARRAY['name', 'description', 'parameters', 'default', 'prebuilds']);
    IF has_prebuilds THEN
        configuration := given -> 'prebuilds';
        configuration := prebuilds.required_object(configuration, path || '.prebuilds',
                                       ARRAY['instances', 'expiration_policy', 'scheduling']);
        instances := prebuilds.integer_member(configuration, path || '.prebuilds', 'instances', 0, 100000);
        IF instances IS NULL THEN
            PERFORM prebuilds.refuse_input(path || '.prebuilds.instances', 'instances is missing',
                                           'Give a whole number from 0 to 100000.');
        END IF;
    END IF;
    IF prebuilds.has_member(configuration, 'expiration_policy') THEN
        policy := configuration -> 'expiration_policy';
        policy := prebuilds.required_object(policy, path || '.prebuilds.expiration_policy', ARRAY['ttl']);
        ttl := prebuilds.integer_member(policy, path || '.prebuilds.expiration_policy', 'ttl', 0, 31536000);
        IF ttl BETWEEN 1 AND 3599 THEN
            PERFORM prebuilds.refuse_input(path || '.prebuilds.expiration_policy.ttl', format('invalid ttl: %s', ttl),
                                           'Give 0 (never), or 3600 to 31536000 seconds.');
        END IF;
    END IF;
    RETURN jsonb_build_object(
        'name', prebuilds.name_member(given, path, 'name'),
        'description', coalesce(prebuilds.text_member(given, path, 'description'), ''),
        'default', coalesce(prebuilds.bool_member(given, path, 'default'), false),
        'parameters', prebuilds.read_preset_parameters(given, path, parameters, has_prebuilds),
        'instances', instances,
        'ttl', ttl) || prebuilds.read_scheduling(configuration, path || '.prebuilds');
END
$$;
COMMENT ON FUNCTION prebuilds.read_preset(jsonb, text, jsonb) IS
    'One checked and completed preset of a push, given the parameters of its version. Errors: 22023';

CREATE FUNCTION prebuilds.read_presets(input jsonb, parameters jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    preset jsonb;
    presets jsonb := '{}';
    default_name text;
    i integer;
BEGIN
    IF jsonb_typeof(input) <> 'array' THEN
        PERFORM prebuilds.refuse_input('presets', format('presets is not a JSON array: %s', prebuilds.shown(input)),
                                       'Give one object per preset: [{"name": "small", "prebuilds": {"instances": 2}}].');
    END IF;
    FOR i IN 0 .. jsonb_array_length(input) - 1 LOOP
        preset := prebuilds.read_preset(input -> i, format('presets[%s]', i), parameters);
        IF presets ? (preset ->> 'name') THEN
            PERFORM prebuilds.refuse_input(format('presets[%s].name', i),
                                           format('preset "%s" is there twice', preset ->> 'name'),
                                           'Give each preset once.');
        END IF;
        IF (preset ->> 'default')::boolean THEN
            IF default_name IS NOT NULL THEN
                PERFORM prebuilds.refuse_input(
                    format('presets[%s].default', i),
                    format('preset "%s" is a second default beside "%s"', preset ->> 'name', default_name),
                    'Make one preset the default, or none.');
            END IF;
            default_name := preset ->> 'name';
        END IF;
        presets := presets || jsonb_build_object(preset ->> 'name', preset);
    END LOOP;
    RETURN presets;
END
$$;
COMMENT ON FUNCTION prebuilds.read_presets(jsonb, jsonb) IS
    'The checked and completed presets of a push by name, given the parameters of its version. Errors: 22023';

CREATE FUNCTION prebuilds.read_tags(input jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    tags constant jsonb := prebuilds.normalized_tags(prebuilds.texts_of(input, 'tags'));
BEGIN
    IF tags ->> 'scope' NOT IN ('organization', 'user') THEN
        PERFORM prebuilds.refuse_input('tags.scope', format('invalid scope: %s', prebuilds.shown(tags -> 'scope')),
                                       'Give organization, or user.');
    END IF;
    RETURN tags;
END
$$;
COMMENT ON FUNCTION prebuilds.read_tags(jsonb) IS 'The checked and normalised tags of a push. Errors: 22023';

CREATE FUNCTION prebuilds.insert_version(
    version_id uuid, template_id uuid, organization_id uuid, name text, definition jsonb, tags jsonb, pushed jsonb,
    created_by uuid, at timestamptz) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO prebuilds.template_versions
        (id, created_at, updated_at, template_id, organization_id, name, definition, tags, created_by, pushed)
    VALUES (version_id, at, at, template_id, organization_id, name, definition, tags, created_by, pushed);

    INSERT INTO prebuilds.template_version_parameters
        (id, created_at, updated_at, template_version_id, name, type, required, default_value, mutable, options,
         validation_regex, display_order)
    SELECT prebuilds.uuid_v7(at), at, at, version_id, p.name, p.type, p.required, p.default_value, p.mutable, p.options,
           p.validation_regex, p.display_order
    FROM jsonb_to_recordset(pushed -> 'parameters') AS p (
        name text, type text, required boolean, default_value text, mutable boolean, options jsonb,
        validation_regex text, display_order integer);

    INSERT INTO prebuilds.template_version_presets
        (id, created_at, updated_at, template_version_id, name, description, is_default, desired_instances,
         invalidate_after_secs, scheduling_timezone)
    SELECT prebuilds.uuid_v7(at), at, at, version_id, p.name, p.description, p."default", p.instances, p.ttl, p.timezone
    FROM jsonb_each(pushed -> 'presets') AS e
    CROSS JOIN LATERAL jsonb_to_record(e.value) AS p (
        name text, description text, "default" boolean, instances integer, ttl integer, timezone text);

    INSERT INTO prebuilds.template_version_preset_parameters
        (id, created_at, updated_at, template_version_preset_id, name, value)
    SELECT prebuilds.uuid_v7(at), at, at, p.id, v.key, v.value
    FROM prebuilds.template_version_presets AS p
    CROSS JOIN LATERAL jsonb_each_text(pushed -> 'presets' -> p.name -> 'parameters') AS v
    WHERE p.template_version_id = version_id;

    INSERT INTO prebuilds.template_version_preset_prebuild_schedules
        (id, created_at, updated_at, preset_id, cron_expression, desired_instances)
    SELECT prebuilds.uuid_v7(at), at, at, p.id, s.cron, s.instances
    FROM prebuilds.template_version_presets AS p
    CROSS JOIN LATERAL jsonb_to_recordset(pushed -> 'presets' -> p.name -> 'schedules') AS s (cron text, instances integer)
    WHERE p.template_version_id = version_id;
$$;
COMMENT ON FUNCTION prebuilds.insert_version(uuid, uuid, uuid, text, jsonb, jsonb, jsonb, uuid, timestamptz) IS
    'Writes a version with the parameters and presets of a push that has been checked';

CREATE FUNCTION prebuilds.activate_version(template_id uuid, version_id uuid, at timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE prebuilds.templates AS t
    SET active_version_id = v.id, updated_at = at,
        provisioner = coalesce(v.pushed ->> 'provisioner', t.provisioner),
        default_ttl = coalesce((v.pushed ->> 'default_ttl')::bigint, t.default_ttl)
    FROM prebuilds.template_versions AS v
    WHERE t.id = activate_version.template_id AND v.id = version_id AND t.active_version_id IS DISTINCT FROM v.id;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION prebuilds.activate_version(uuid, uuid, timestamptz) IS
    'Makes a version the active one, with the provisioner and default TTL it was pushed with; false if it was already';

CREATE FUNCTION @extschema@.prebuilds_push_template(
    organization text, template text, version text, presets jsonb, definition jsonb DEFAULT '{}',
    parameters jsonb DEFAULT '[]', tags jsonb DEFAULT '{}', activate boolean DEFAULT true,
    provisioner text DEFAULT 'terraform', default_ttl interval DEFAULT NULL, created_by uuid DEFAULT NULL)
    RETURNS TABLE (organization_id uuid, template_id uuid, template_version_id uuid, preset_ids jsonb)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at constant timestamptz := clock_timestamp();
    wanted_tags jsonb;
    wanted jsonb;
    organization_found prebuilds.organizations;
    template_found prebuilds.templates;
    version_found prebuilds.template_versions;
    differences text[];
BEGIN
    organization := prebuilds.required_name('organization', organization);
    template := prebuilds.required_name('template', template);
    version := prebuilds.required_name('version', version);
    provisioner := prebuilds.required_name('provisioner', provisioner);
    PERFORM prebuilds.refuse_null(a.name)
    FROM (VALUES ('presets', presets IS NULL), ('definition', definition IS NULL), ('parameters', parameters IS NULL),
                 ('tags', tags IS NULL), ('activate', activate IS NULL)) AS a (name, is_null)
    WHERE a.is_null;
    IF created_by IS NOT NULL AND NOT EXISTS (SELECT FROM prebuilds.users AS u WHERE u.id = created_by) THEN
        PERFORM prebuilds.refuse_unknown('user', created_by);
    END IF;
    wanted_tags := prebuilds.read_tags(tags);
    wanted := jsonb_build_object('provisioner', provisioner, 'default_ttl', prebuilds.nanoseconds(default_ttl),
                                 'parameters', prebuilds.read_parameters(parameters));
    wanted := wanted || jsonb_build_object('presets', prebuilds.read_presets(presets, wanted -> 'parameters'));

    -- Look, else insert and look again: another session may push the same for the first time.
    LOOP
        SELECT * INTO organization_found FROM prebuilds.organizations AS o
        WHERE lower(o.name) = lower(organization) AND NOT o.deleted;
        EXIT WHEN FOUND;
        INSERT INTO prebuilds.organizations (id, created_at, updated_at, name, display_name)
        VALUES (prebuilds.uuid_v7(at), at, at, organization, organization)
        ON CONFLICT DO NOTHING;
    END LOOP;

    -- Of two pushes to a template the second waits here, and finds what the first one wrote. No FOR UPDATE: new
    -- workspaces of the template need not wait.
    LOOP
        SELECT * INTO template_found FROM prebuilds.templates AS t
        WHERE t.organization_id = organization_found.id AND lower(t.name) = lower(template) AND NOT t.deleted
        FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO prebuilds.templates
            (id, created_at, updated_at, organization_id, name, display_name, default_ttl, provisioner, created_by)
        VALUES (prebuilds.uuid_v7(at), at, at, organization_found.id, template, template,
                coalesce((wanted ->> 'default_ttl')::bigint, 0), provisioner, created_by)
        ON CONFLICT DO NOTHING;
    END LOOP;

    SELECT * INTO version_found FROM prebuilds.template_versions AS v
    WHERE v.template_id = template_found.id AND v.name = version;
    IF FOUND THEN
        differences := ARRAY(
            SELECT d.name
            FROM (SELECT w.key, w.value IS DISTINCT FROM version_found.pushed -> w.key FROM jsonb_each(wanted) AS w
                  UNION ALL SELECT 'definition', version_found.definition <> definition
                  UNION ALL SELECT 'tags', version_found.tags <> wanted_tags) AS d (name, differs)
            WHERE d.differs ORDER BY d.name);
        IF differences <> '{}' THEN
            RAISE EXCEPTION 'version "%" of template "%" exists and is different', version, template
                USING ERRCODE = '55000',
                      DETAIL = CASE WHEN version_found.pushed IS NULL THEN 'It was not made by prebuilds_push_template().'
                                    ELSE format('Different: %s.', array_to_string(differences, ', ')) END,
                      HINT = 'Versions do not change: push under another version name.';
        END IF;
    ELSE
        version_found.id := prebuilds.uuid_v7(at);
        PERFORM prebuilds.insert_version(version_found.id, template_found.id, organization_found.id, version, definition,
                                         wanted_tags, wanted, created_by, at);
        IF activate THEN
            PERFORM prebuilds.activate_version(template_found.id, version_found.id, at);
        END IF;
    END IF;

    RETURN QUERY
    SELECT organization_found.id, template_found.id, version_found.id,
           coalesce((SELECT jsonb_object_agg(p.name, p.id) FROM prebuilds.template_version_presets AS p
                     WHERE p.template_version_id = version_found.id), '{}');
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_push_template(text, text, text, jsonb, jsonb, jsonb, jsonb, boolean, text, interval, uuid) IS
    'Makes a version of a template with its parameters and presets, and the organization and the template when they '
    'are new; names count without regard to case. presets: [{"name", "description", "parameters": {name: value}, '
    '"default": bool, "prebuilds": {"instances": 0 to 100000, "expiration_policy": {"ttl": 0 or 3600 to 31536000 '
    'seconds}, "scheduling": {"timezone", "schedule": [{"cron", "instances"}]}}}]. parameters: [{"name", "type", '
    '"required", "default_value", "mutable", "options", "validation_regex", "display_order"}]. definition is handed to '
    'the provisioner as it is; tags say which daemons may build. activate: the template switches to the version, and to '
    'its provisioner and default_ttl (how long claimed workspaces run; NULL = as it was). A push equal to the one that '
    'made the version changes nothing, not even the active version, and returns the same ids. '
    'Errors: 22023 NULL, malformed or out of range, with the path in the detail; P0002 unknown created_by; '
    '55000 the version exists and is different';

CREATE FUNCTION @extschema@.prebuilds_promote_version(template_version_id uuid, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    version prebuilds.template_versions;
    template prebuilds.templates;
BEGIN
    IF template_version_id IS NULL THEN
        PERFORM prebuilds.refuse_null('template_version_id');
    END IF;
    SELECT * INTO version FROM prebuilds.template_versions AS v WHERE v.id = template_version_id;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('template version', template_version_id);
    END IF;
    SELECT * INTO template FROM prebuilds.templates AS t WHERE t.id = version.template_id FOR NO KEY UPDATE;
    IF template.deleted THEN
        RAISE EXCEPTION 'template "%" is deleted', template.name
            USING ERRCODE = '55000', HINT = 'Push the template again.';
    END IF;
    IF version.archived THEN
        RAISE EXCEPTION 'version "%" is archived', version.name
            USING ERRCODE = '55000', HINT = 'Promote another version, or push this one under another name.';
    END IF;
    changed := prebuilds.activate_version(template.id, version.id, clock_timestamp());
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_promote_version(uuid) IS
    'Makes a version its template''s active one: the pools of the others drain, its own fill. Returns false if it was '
    'already. Errors: 22023 NULL, P0002 unknown, 55000 archived or of a deleted template';

CREATE FUNCTION @extschema@.prebuilds_deprecate_template(template_id uuid, message text, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    template prebuilds.templates;
BEGIN
    IF template_id IS NULL THEN
        PERFORM prebuilds.refuse_null('template_id');
    ELSIF message IS NULL THEN
        PERFORM prebuilds.refuse_null('message');
    END IF;
    SELECT * INTO template FROM prebuilds.templates AS t WHERE t.id = template_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('template', template_id);
    END IF;
    IF template.deleted THEN
        RAISE EXCEPTION 'template "%" is deleted', template.name
            USING ERRCODE = '55000', HINT = 'A deleted template has no new workspaces anyway.';
    END IF;
    changed := template.deprecated <> message;
    IF changed THEN
        UPDATE prebuilds.templates AS t SET deprecated = message, updated_at = clock_timestamp() WHERE t.id = template.id;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_deprecate_template(uuid, text) IS
    'Tells people with a message not to use a template any more, and drains its pools; an empty message takes that back. '
    'Returns false if it was so already. Errors: 22023 NULL, P0002 unknown, 55000 deleted';

CREATE FUNCTION @extschema@.prebuilds_delete_template(template_id uuid, OUT changed boolean)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    template prebuilds.templates;
    people bigint;
BEGIN
    IF template_id IS NULL THEN
        PERFORM prebuilds.refuse_null('template_id');
    END IF;
    -- FOR UPDATE waits for workspaces of it that are being inserted, and keeps new ones out.
    SELECT * INTO template FROM prebuilds.templates AS t WHERE t.id = template_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('template', template_id);
    END IF;
    changed := NOT template.deleted;
    IF NOT changed THEN
        RETURN;
    END IF;
    -- A claim that is under way makes a prebuild somebody's workspace: this waits for it.
    people := prebuilds.workspaces_in_the_way(template.id);
    IF people > 0 THEN
        RAISE EXCEPTION 'template "%" has workspaces', template.name
            USING ERRCODE = '55000', DETAIL = format('%s workspaces of people exist.', people),
                  HINT = 'Delete them first, or see prebuilds_deprecate_template().';
    END IF;
    UPDATE prebuilds.templates AS t SET deleted = true, updated_at = clock_timestamp() WHERE t.id = template.id;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_delete_template(uuid) IS
    'Marks a template deleted; its name is free again, and the next passes delete its prebuilds. Waits for claims under '
    'way, at most lock_timeout. Returns false if it was deleted already. Errors: 22023 NULL, P0002 unknown, 55000 people '
    'have workspaces of it, 55P03 lock_timeout, 40001 in REPEATABLE READ and above';

CREATE FUNCTION @extschema@.prebuilds_invalidate(template_id uuid, as_of timestamptz DEFAULT NULL)
    RETURNS TABLE (template_name text, template_version_name text, preset_name text)
    LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT SECURITY DEFINER PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at constant timestamptz := prebuilds.instant(as_of);
    template prebuilds.templates;
BEGIN
    IF template_id IS NULL THEN
        PERFORM prebuilds.refuse_null('template_id');
    END IF;
    SELECT * INTO template FROM prebuilds.templates AS t WHERE t.id = template_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM prebuilds.refuse_unknown('template', template_id);
    END IF;
    IF template.deleted THEN
        RAISE EXCEPTION 'template "%" is deleted', template.name
            USING ERRCODE = '55000', HINT = 'Its prebuilds drain anyway.';
    END IF;
    UPDATE prebuilds.template_version_presets AS p SET last_invalidated_at = at, updated_at = at
    WHERE p.template_version_id = template.active_version_id;
    RETURN QUERY
    SELECT template.name, v.name, p.name
    FROM prebuilds.template_versions AS v
    JOIN prebuilds.template_version_presets AS p ON p.template_version_id = v.id
    WHERE v.id = template.active_version_id
    ORDER BY p.name;
END
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_invalidate(uuid, timestamptz) IS
    'Lets every prebuild of the active version expire that was created before as_of (default: now), whatever its TTL: '
    'the next pass replaces them. Returns the presets concerned. '
    'Errors: 22023 NULL, P0002 unknown, 55000 deleted, 42501 as_of from a caller who is no operator';
