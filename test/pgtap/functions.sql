-- The functions of the API: names, arguments with their types and defaults, results, security, comments.
BEGIN;
SELECT no_plan();

-- arguments: 'name type' or 'name type = default' (null, empty, or the value), in order. results: 'name type', a * leaves it open; NULL leaves
-- all of it open. "changed" is 'changed boolean'.
CREATE TEMPORARY TABLE expected_functions (name text PRIMARY KEY, arguments text[], results text[]);
INSERT INTO expected_functions VALUES
    -- reconcile
    ('prebuilds_reconcile_all',
     '{as_of timestamptz = null}',
     '{elapsed interval, presets_total int, presets_reconciled int, created int, deleted int, canceled int, conflicts int,
       errors int, lock_acquired bool, paused bool}'),
    ('prebuilds_reconcile_preset',
     '{preset_id uuid, as_of timestamptz = null}',
     '{elapsed interval, presets_total int, presets_reconciled int, created int, deleted int, canceled int, conflicts int,
       errors int, lock_acquired bool, paused bool}'),
    ('prebuilds_plan',
     '{as_of timestamptz = null}',
     '{organization_name text, template_name text, template_version_name text, preset_name text, preset_id uuid,
       action text, cause text, count int, workspace_ids uuid[], reason text, retry_at timestamptz}'),
    ('prebuilds_status',
     '{as_of timestamptz = null}',
     '{organization_name text, template_name text, template_version_name text, preset_name text, preset_id uuid,
       active bool, desired int, desired_source text, actual int, eligible int, expired int, extraneous int, starting int,
       stopping int, deleting int, pending_non_active int, failed int, parked int, prebuild_status *, num_failed int,
       backoff_until timestamptz, problem text}'),
    ('prebuilds_org_status',
     '{}',
     '{organization_id uuid, organization_name text, has_prebuild_user bool, prebuilds_group_id uuid,
       has_prebuild_user_in_group bool}'),
    ('prebuilds_reconcile_membership',
     '{}',
     '{organization_id uuid, organization_name text, member_added bool, group_added bool, group_member_added bool}'),
    ('prebuilds_pause', '{reason text = null}', '{changed bool}'),
    ('prebuilds_resume', '{}', '{changed bool}'),
    ('prebuilds_reset_preset', '{preset_id uuid}', '{changed bool}'),
    ('prebuilds_set_desired', '{preset_id uuid, instances int}', '{changed bool}'),
    ('prebuilds_invalidate',
     '{template_id uuid, as_of timestamptz = null}',
     '{template_name text, template_version_name text, preset_name text}'),
    ('prebuilds_delete_failed', '{preset_id uuid, older_than interval = 00:00:00}', '{workspace_id uuid}'),
    -- templates
    ('prebuilds_push_template',
     '{organization text, template text, version text, presets jsonb, definition jsonb = \{\}, parameters jsonb = [],
       tags jsonb = \{\}, activate bool = true, provisioner text = terraform, default_ttl interval = null,
       created_by uuid = null}',
     '{organization_id uuid, template_id uuid, template_version_id uuid, preset_ids jsonb}'),
    ('prebuilds_promote_version', '{template_version_id uuid}', '{changed bool}'),
    ('prebuilds_deprecate_template', '{template_id uuid, message text}', '{changed bool}'),
    ('prebuilds_delete_template', '{template_id uuid}', NULL),
    -- workspaces
    ('prebuilds_ensure_user', '{username text, email text = null}', '{* uuid}'),
    ('prebuilds_find_preset',
     '{organization text, template text, preset text = null}',
     '{template_id uuid, template_version_id uuid, preset_id uuid, eligible int}'),
    ('prebuilds_claim',
     '{preset_id uuid, owner_id uuid, name text, autostart_schedule text = null, next_start_at timestamptz = null,
       ttl interval = null, build bool = true, as_of timestamptz = null}',
     '{* uuid}'),
    ('prebuilds_create_workspace',
     '{template_id uuid, owner_id uuid, name text, parameters jsonb = \{\}, preset_id uuid = null,
       template_version_id uuid = null, autostart_schedule text = null, next_start_at timestamptz = null,
       ttl interval = null, as_of timestamptz = null}',
     '{workspace_id uuid, claimed bool, preset_id uuid, job_id uuid}'),
    ('prebuilds_match_preset', '{template_version_id uuid, parameters jsonb}', '{* uuid}'),
    ('prebuilds_workspace',
     '{workspace_id uuid}',
     '{owner_name text, organization_name text, template_name text, template_version_name text, preset_name text,
       build_number int, transition *, job_status *, error text, ready bool, resources jsonb, agents jsonb,
       deadline timestamptz}'),
    ('prebuilds_build_workspace', '{workspace_id uuid, transition text, initiator_id uuid}', '{* uuid}'),
    ('prebuilds_track_resource_replacement',
     '{workspace_id uuid, build_id uuid, replacements jsonb}', '{notifications int}'),
    ('prebuilds_take_notifications',
     '{max int = 100}', '{id uuid, kind text, user_id uuid, payload jsonb, created_at timestamptz}'),
    -- provisioner queue
    ('prebuilds_register_provisioner',
     '{organization text, name text, "provisioners text[] = {terraform}", tags jsonb = \{\}, version text = empty, fresh bool = false}',
     '{* uuid}'),
    ('prebuilds_acquire_job',
     '{daemon_id uuid, max_jobs int = 1}',
     '{job_id uuid, type *, workspace_id uuid, workspace_name text, owner_id uuid, owner_name text, transition *,
       build_number int, stage text, organization_name text, template_name text, template_version_name text,
       definition jsonb, parameters jsonb, provisioner_state bytea, tags jsonb}'),
    ('prebuilds_update_job', '{job_id uuid, daemon_id uuid, "logs text[] = {}"}', '{canceled bool}'),
    ('prebuilds_complete_job',
     '{job_id uuid, daemon_id uuid, provisioner_state bytea = null, resources jsonb = []}', '{agent_ids uuid[]}'),
    ('prebuilds_fail_job', '{job_id uuid, daemon_id uuid, error text, error_code text = null}', NULL),
    ('prebuilds_cancel_job', '{job_id uuid}', NULL),
    ('prebuilds_report_agent', '{agent_id uuid, lifecycle_state text}', '{changed bool}'),
    ('prebuilds_reap_jobs', '{as_of timestamptz = null}', '{job_id uuid, reason text}'),
    -- worker, metrics, privileges
    ('prebuilds_worker_start', '{}', '{changed bool}'),
    ('prebuilds_worker_stop', '{cause text = null}', '{changed bool}'),
    ('prebuilds_worker_status', '{}', NULL),
    ('prebuilds_metrics', '{}', '{* text}'),
    ('prebuilds_grant', '{role regrole, capability text}', '{changed bool}'),
    ('prebuilds_revoke', '{role regrole, capability text}', '{changed bool}');

-- Line breaks above are for the reader; types are written short.
CREATE FUNCTION pg_temp.tidy(items text[]) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(regexp_replace(regexp_replace(regexp_replace(
               trim(item), '\mtimestamptz\M', 'timestamp with time zone'), ' int\M', ' integer'), ' bool\M', ' boolean'), ', ' ORDER BY n), '')
    FROM unnest(items) WITH ORDINALITY AS i (item, n)
$$;

CREATE FUNCTION pg_temp.value_of(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT (%s)::text', expression) INTO result;
    RETURN CASE result WHEN '' THEN 'empty' ELSE coalesce(result, 'null') END;
END
$$;

-- The functions of the extension outside of its own schema.
CREATE TEMPORARY VIEW api AS
SELECT p.*,
       coalesce(p.proargmodes, ARRAY(SELECT 'i'::"char" FROM generate_series(1, p.pronargs))) AS modes,
       coalesce(p.proallargtypes, ARRAY(SELECT unnest(p.proargtypes))) AS types
FROM pg_proc AS p
JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'pg_prebuilds' AND p.pronamespace <> 'prebuilds'::regnamespace;

CREATE FUNCTION pg_temp.arguments_of(function text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(
               concat_ws(' = ', a.proargnames[n] || ' ' || format_type(a.types[n], NULL),
                         CASE WHEN pg_get_function_arg_default(a.oid, n) IS NOT NULL
                              THEN pg_temp.value_of(pg_get_function_arg_default(a.oid, n)) END), ', ' ORDER BY n), '')
    FROM api AS a, generate_subscripts(a.types, 1) AS n
    WHERE a.proname = function AND a.modes[n] IN ('i', 'b')
$$;

-- A single result without a name is '* type'.
CREATE FUNCTION pg_temp.results_of(function text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(
               (SELECT string_agg(a.proargnames[n] || ' ' || format_type(a.types[n], NULL), ', ' ORDER BY n)
                FROM generate_subscripts(a.types, 1) AS n WHERE a.modes[n] IN ('o', 't', 'b')),
               '* ' || format_type(a.prorettype, NULL))
    FROM api AS a
    WHERE a.proname = function
$$;

-- Whether results agree but for what the expected ones leave open.
CREATE FUNCTION pg_temp.agree(actual text, expected text) RETURNS bool LANGUAGE sql AS $$
    SELECT count(*) = count(*) FILTER (WHERE (e.name = '*' OR e.name = a.name) AND (e.type = '*' OR e.type = a.type))
    FROM (SELECT split_part(item, ' ', 1) AS name, substr(item, strpos(item, ' ') + 1) AS type, n
          FROM regexp_split_to_table(expected, ', ') WITH ORDINALITY AS i (item, n)) AS e
    FULL JOIN (SELECT split_part(item, ' ', 1) AS name, substr(item, strpos(item, ' ') + 1) AS type, n
               FROM regexp_split_to_table(actual, ', ') WITH ORDINALITY AS i (item, n)) AS a USING (n)
$$;

-- ---- the list ----
SELECT set_eq('SELECT proname FROM api', 'SELECT name FROM expected_functions', 'the API is these functions and no other');
SELECT is_empty('SELECT proname FROM api GROUP BY proname HAVING count(*) > 1', 'no function is overloaded');
SELECT is_empty($$SELECT proname FROM api WHERE pronamespace <> 'public'::regnamespace$$, 'the API is in the installer''s schema');

-- ---- each of them ----
SELECT is(pg_temp.arguments_of(name), pg_temp.tidy(arguments), name || ': arguments') FROM expected_functions;

SELECT CASE WHEN pg_temp.agree(pg_temp.results_of(name), pg_temp.tidy(results)) THEN pass(name || ': results')
            ELSE is(pg_temp.results_of(name), pg_temp.tidy(results), name || ': results') END
FROM expected_functions WHERE results IS NOT NULL;

SELECT ok((SELECT proretset FROM api WHERE proname = name), name || ' returns rows, none for nothing')
FROM expected_functions WHERE array_length(results, 1) > 1
    OR name IN ('prebuilds_delete_failed', 'prebuilds_worker_status');

SELECT ok(ARRAY['pid integer', 'state text', 'preloaded boolean'] <@
          regexp_split_to_array(pg_temp.results_of('prebuilds_worker_status'), ', '), 'prebuilds_worker_status: results');
SELECT ok(pg_temp.results_of(name) IN ('changed boolean', '* boolean', '* void'), name || ': results')
FROM unnest(ARRAY['prebuilds_delete_template', 'prebuilds_fail_job', 'prebuilds_cancel_job']) AS name;

SELECT ok(a.prosecdef, e.name || ' runs as its owner')
FROM expected_functions AS e LEFT JOIN api AS a ON a.proname = e.name;

SELECT ok('search_path=pg_catalog, pg_temp' = ANY (a.proconfig), e.name || ' pins its search_path')
FROM expected_functions AS e LEFT JOIN api AS a ON a.proname = e.name;

-- An argument that must not be NULL is an error, which a strict function could not raise.
SELECT ok(NOT a.proisstrict, e.name || ' sees NULL arguments')
FROM expected_functions AS e LEFT JOIN api AS a ON a.proname = e.name WHERE e.arguments <> '{}';

SELECT is(a.provolatile, 'v', e.name || ' is volatile: it writes')
FROM expected_functions AS e LEFT JOIN api AS a ON a.proname = e.name
WHERE e.name NOT IN ('prebuilds_plan', 'prebuilds_status', 'prebuilds_org_status', 'prebuilds_find_preset',
                     'prebuilds_match_preset', 'prebuilds_workspace', 'prebuilds_worker_status', 'prebuilds_metrics');

SELECT isnt(a.provolatile, 'i', e.name || ' is not immutable')
FROM expected_functions AS e LEFT JOIN api AS a ON a.proname = e.name;

SELECT cmp_ok(length(obj_description(a.oid, 'pg_proc')), '>', 40, e.name || ' has a comment that says something')
FROM expected_functions AS e LEFT JOIN api AS a ON a.proname = e.name;

-- ---- all functions of the extension, internal ones too ----
CREATE TEMPORARY VIEW extension_functions AS
SELECT p.*, p.oid::regprocedure AS signature
FROM pg_proc AS p
JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'pg_prebuilds';

SELECT set_eq(
    $$SELECT f.proname::text, a.grantee FROM extension_functions AS f
      CROSS JOIN LATERAL aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) AS a WHERE a.grantee <> f.proowner$$,
    $$VALUES ('job_status', 0::oid), ('queue_key', 0)$$,
    'nobody but the owner may execute anything, except for PUBLIC what generated columns call');

-- A body that was parsed at its definition, or compiled code, looks up no name when it runs.
SELECT is_empty(
    $$SELECT f.signature FROM extension_functions AS f JOIN pg_language AS l ON l.oid = f.prolang
      WHERE l.lanname <> 'c' AND f.prosqlbody IS NULL
        AND NOT 'search_path=pg_catalog, pg_temp' = ANY (coalesce(f.proconfig, '{}'))$$,
    'every body that looks up names pins its search_path');

SELECT is_empty(
    $$SELECT signature FROM extension_functions
      WHERE prorettype <> 'trigger'::regtype AND obj_description(oid, 'pg_proc') IS NULL$$,
    'every function but those of triggers has a comment');

SELECT lives_ok(
    format('SELECT %s(%s)', f.oid::regproc, array_to_string(array_fill('NULL'::text, ARRAY[f.pronargs::integer]), ', ')),
    format('%s takes NULL for every argument', f.signature))
FROM extension_functions AS f
JOIN pg_language AS l ON l.oid = f.prolang
WHERE l.lanname = 'c' AND NOT f.proisstrict AND f.pronargs > 0 AND f.pronamespace = 'prebuilds'::regnamespace
  AND f.proname NOT IN ('claim', 'insert_build')
ORDER BY f.signature::text;

-- Those that write have nothing to write then: NULL is for the arguments that may be NULL.
SELECT throws_ok(
    format('SELECT prebuilds.%s(%s)', w.name,
           (SELECT string_agg(CASE WHEN o.n = a.n THEN 'NULL' ELSE o.value END, ', ' ORDER BY o.n)
            FROM unnest(w.arguments) WITH ORDINALITY AS o (value, n))),
    '22004', format('argument %s must not be null', a.n), format('%s() refuses NULL for argument %s', w.name, a.n))
FROM (VALUES
    ('claim', ARRAY['gen_random_uuid()', 'gen_random_uuid()', '''w''', 'NULL', 'NULL', 'NULL', 'true', 'NULL', 'now()']),
    ('insert_build', ARRAY['gen_random_uuid()', 'gen_random_uuid()', 'gen_random_uuid()', 'gen_random_uuid()',
                           '''terraform''', '''{}''', '1', '''start''', 'gen_random_uuid()', 'NULL', '''none''', 'NULL',
                           'NULL', 'now()'])
) AS w (name, arguments)
CROSS JOIN LATERAL unnest(w.arguments) WITH ORDINALITY AS a (value, n)
WHERE a.value <> 'NULL'
ORDER BY w.name, a.n;

SELECT * FROM finish();
ROLLBACK;
