-- The tables of schema prebuilds: columns, types, nulls, defaults, keys, references, indexes.
BEGIN;
SELECT no_plan();

CREATE TEMPORARY TABLE expected_columns (
    table_name text, column_name text, type text, nullable boolean DEFAULT false,
    default_value text);     -- as text; NULL = none

-- What every table with an id has.
INSERT INTO expected_columns
SELECT table_name, column_name, type, false, default_value
FROM unnest(ARRAY[
        'organizations', 'users', 'groups', 'templates', 'template_versions', 'template_version_parameters',
        'template_version_presets', 'template_version_preset_parameters', 'template_version_preset_prebuild_schedules',
        'workspaces', 'workspace_builds', 'workspace_build_parameters', 'workspace_resources', 'workspace_agents',
        'provisioner_jobs', 'provisioner_daemons']) AS table_name,
    (VALUES ('id', 'uuid', 'gen_random_uuid()'),
            ('created_at', 'timestamp with time zone', now()::text),
            ('updated_at', 'timestamp with time zone', now()::text)) AS common (column_name, type, default_value);

INSERT INTO expected_columns (table_name, column_name, type, nullable, default_value) VALUES
    ('organizations', 'name', 'text', false, NULL),
    ('organizations', 'display_name', 'text', false, ''),
    ('organizations', 'description', 'text', false, ''),
    ('organizations', 'is_default', 'boolean', false, 'false'),
    ('organizations', 'deleted', 'boolean', false, 'false'),

    ('users', 'email', 'text', false, NULL),
    ('users', 'username', 'text', false, NULL),
    ('users', 'name', 'text', false, ''),
    ('users', 'status', 'text', false, 'active'),
    ('users', 'rbac_roles', 'text[]', false, '{}'),
    ('users', 'is_system', 'boolean', false, 'false'),
    ('users', 'deleted', 'boolean', false, 'false'),

    ('organization_members', 'organization_id', 'uuid', false, NULL),
    ('organization_members', 'user_id', 'uuid', false, NULL),
    ('organization_members', 'created_at', 'timestamp with time zone', false, now()::text),
    ('organization_members', 'updated_at', 'timestamp with time zone', false, now()::text),
    ('organization_members', 'roles', 'text[]', false, '{}'),

    ('groups', 'name', 'text', false, NULL),
    ('groups', 'organization_id', 'uuid', false, NULL),
    ('groups', 'display_name', 'text', false, ''),
    ('groups', 'quota_allowance', 'integer', false, '0'),

    ('group_members', 'user_id', 'uuid', false, NULL),
    ('group_members', 'group_id', 'uuid', false, NULL),

    ('templates', 'organization_id', 'uuid', false, NULL),
    ('templates', 'name', 'text', false, NULL),
    ('templates', 'display_name', 'text', false, ''),
    ('templates', 'description', 'text', false, ''),
    ('templates', 'active_version_id', 'uuid', true, NULL),
    ('templates', 'deleted', 'boolean', false, 'false'),
    ('templates', 'deprecated', 'text', false, ''),
    ('templates', 'default_ttl', 'bigint', false, '0'),
    ('templates', 'provisioner', 'text', false, 'terraform'),
    ('templates', 'created_by', 'uuid', true, NULL),

    ('template_versions', 'template_id', 'uuid', false, NULL),
    ('template_versions', 'organization_id', 'uuid', false, NULL),
    ('template_versions', 'name', 'text', false, NULL),
    ('template_versions', 'message', 'text', false, ''),
    ('template_versions', 'definition', 'jsonb', false, '{}'),
    ('template_versions', 'tags', 'jsonb', false, '{"owner": "", "scope": "organization"}'),
    ('template_versions', 'archived', 'boolean', false, 'false'),
    ('template_versions', 'created_by', 'uuid', true, NULL),

    ('template_version_parameters', 'template_version_id', 'uuid', false, NULL),
    ('template_version_parameters', 'name', 'text', false, NULL),
    ('template_version_parameters', 'type', 'text', false, ''),
    ('template_version_parameters', 'required', 'boolean', false, 'true'),
    ('template_version_parameters', 'default_value', 'text', false, ''),
    ('template_version_parameters', 'mutable', 'boolean', false, 'false'),
    ('template_version_parameters', 'options', 'jsonb', false, '[]'),
    ('template_version_parameters', 'validation_regex', 'text', false, ''),
    ('template_version_parameters', 'display_order', 'integer', false, '0'),

    ('template_version_presets', 'template_version_id', 'uuid', false, NULL),
    ('template_version_presets', 'name', 'text', false, NULL),
    ('template_version_presets', 'desired_instances', 'integer', true, NULL),
    ('template_version_presets', 'invalidate_after_secs', 'integer', true, NULL),
    ('template_version_presets', 'prebuild_status', 'prebuilds.prebuild_status', false, 'healthy'),
    ('template_version_presets', 'scheduling_timezone', 'text', false, ''),
    ('template_version_presets', 'is_default', 'boolean', false, 'false'),
    ('template_version_presets', 'description', 'text', false, ''),
    ('template_version_presets', 'last_invalidated_at', 'timestamp with time zone', true, NULL),
    ('template_version_presets', 'failures_reset_at', 'timestamp with time zone', true, NULL),

    ('template_version_preset_parameters', 'template_version_preset_id', 'uuid', false, NULL),
    ('template_version_preset_parameters', 'name', 'text', false, NULL),
    ('template_version_preset_parameters', 'value', 'text', false, ''),

    ('template_version_preset_prebuild_schedules', 'preset_id', 'uuid', false, NULL),
    ('template_version_preset_prebuild_schedules', 'cron_expression', 'text', false, ''),
    ('template_version_preset_prebuild_schedules', 'desired_instances', 'integer', false, '0'),

    ('workspaces', 'owner_id', 'uuid', false, NULL),
    ('workspaces', 'organization_id', 'uuid', false, NULL),
    ('workspaces', 'template_id', 'uuid', false, NULL),
    ('workspaces', 'name', 'text', false, NULL),
    ('workspaces', 'deleted', 'boolean', false, 'false'),
    ('workspaces', 'autostart_schedule', 'text', true, NULL),
    ('workspaces', 'ttl', 'bigint', true, NULL),
    ('workspaces', 'next_start_at', 'timestamp with time zone', true, NULL),
    ('workspaces', 'last_used_at', 'timestamp with time zone', false, '0001-01-01 00:00:00+00'),
    ('workspaces', 'dormant_at', 'timestamp with time zone', true, NULL),
    ('workspaces', 'deleting_at', 'timestamp with time zone', true, NULL),
    ('workspaces', 'automatic_updates', 'text', false, 'never'),

    ('workspace_builds', 'workspace_id', 'uuid', false, NULL),
    ('workspace_builds', 'template_version_id', 'uuid', false, NULL),
    ('workspace_builds', 'transition', 'prebuilds.workspace_transition', false, NULL),
    ('workspace_builds', 'initiator_id', 'uuid', false, NULL),
    ('workspace_builds', 'job_id', 'uuid', false, NULL),
    ('workspace_builds', 'provisioner_state', 'bytea', true, NULL),
    ('workspace_builds', 'deadline', 'timestamp with time zone', false, '0001-01-01 00:00:00+00'),
    ('workspace_builds', 'max_deadline', 'timestamp with time zone', false, '0001-01-01 00:00:00+00'),
    ('workspace_builds', 'reason', 'prebuilds.build_reason', false, 'initiator'),
    ('workspace_builds', 'daily_cost', 'integer', false, '0'),
    ('workspace_builds', 'template_version_preset_id', 'uuid', true, NULL),

    ('workspace_build_parameters', 'workspace_build_id', 'uuid', false, NULL),
    ('workspace_build_parameters', 'name', 'text', false, NULL),
    ('workspace_build_parameters', 'value', 'text', false, ''),

    ('workspace_resources', 'job_id', 'uuid', false, NULL),
    ('workspace_resources', 'transition', 'prebuilds.workspace_transition', false, NULL),
    ('workspace_resources', 'type', 'text', false, ''),
    ('workspace_resources', 'name', 'text', false, NULL),
    ('workspace_resources', 'daily_cost', 'integer', false, '0'),
    ('workspace_resources', 'instance_type', 'text', true, NULL),
    ('workspace_resources', 'metadata', 'jsonb', false, '{}'),

    ('workspace_agents', 'resource_id', 'uuid', false, NULL),
    ('workspace_agents', 'name', 'text', false, NULL),
    ('workspace_agents', 'lifecycle_state', 'prebuilds.workspace_agent_lifecycle_state', false, 'created'),
    ('workspace_agents', 'parent_id', 'uuid', true, NULL),
    ('workspace_agents', 'deleted', 'boolean', false, 'false'),
    ('workspace_agents', 'started_at', 'timestamp with time zone', true, NULL),
    ('workspace_agents', 'ready_at', 'timestamp with time zone', true, NULL),
    ('workspace_agents', 'metadata', 'jsonb', false, '{}'),

    ('provisioner_jobs', 'started_at', 'timestamp with time zone', true, NULL),
    ('provisioner_jobs', 'canceled_at', 'timestamp with time zone', true, NULL),
    ('provisioner_jobs', 'completed_at', 'timestamp with time zone', true, NULL),
    ('provisioner_jobs', 'error', 'text', true, NULL),
    ('provisioner_jobs', 'error_code', 'text', true, NULL),
    ('provisioner_jobs', 'organization_id', 'uuid', false, NULL),
    ('provisioner_jobs', 'initiator_id', 'uuid', false, NULL),
    ('provisioner_jobs', 'provisioner', 'text', false, 'terraform'),
    ('provisioner_jobs', 'type', 'prebuilds.provisioner_job_type', false, 'workspace_build'),
    ('provisioner_jobs', 'input', 'jsonb', false, '{}'),
    ('provisioner_jobs', 'tags', 'jsonb', false, '{"owner": "", "scope": "organization"}'),
    ('provisioner_jobs', 'worker_id', 'uuid', true, NULL),

    ('provisioner_job_logs', 'job_id', 'uuid', false, NULL),
    ('provisioner_job_logs', 'created_at', 'timestamp with time zone', false, now()::text),
    ('provisioner_job_logs', 'line', 'text', false, ''),

    ('provisioner_daemons', 'name', 'text', false, NULL),
    ('provisioner_daemons', 'provisioners', 'text[]', false, '{terraform}'),
    ('provisioner_daemons', 'tags', 'jsonb', false, '{"owner": "", "scope": "organization"}'),
    ('provisioner_daemons', 'last_seen_at', 'timestamp with time zone', true, NULL),
    ('provisioner_daemons', 'version', 'text', false, ''),
    ('provisioner_daemons', 'organization_id', 'uuid', false, NULL),

    ('site_configs', 'key', 'text', false, NULL),
    ('site_configs', 'value', 'text', false, ''),

    ('prebuild_events', 'preset_id', 'uuid', false, NULL),
    ('prebuild_events', 'created_at', 'timestamp with time zone', false, now()::text),
    ('notifications', 'kind', 'text', false, NULL),
    ('notifications', 'user_id', 'uuid', false, NULL),
    ('notifications', 'payload', 'jsonb', false, '{}'),
    ('notifications', 'created_at', 'timestamp with time zone', false, now()::text),
    ('notifications', 'delivered_at', 'timestamp with time zone', true, NULL),
    ('preset_failures', 'preset_id', 'uuid', false, NULL),
    ('preset_failures', 'created_at', 'timestamp with time zone', false, now()::text),
    ('preset_failures', 'sqlstate', 'text', false, NULL),
    ('preset_failures', 'message', 'text', false, NULL),
    ('installation', 'created_at', 'timestamp with time zone', false, now()::text),
    ('installation', 'created_by_restore', 'boolean', false, NULL),
    ('installation', 'database_oid', 'oid', false, NULL),
    ('installation', 'derived_under', 'text', false, '');

-- Defaults are compared by value, whatever expression makes it; an id is random.
CREATE FUNCTION pg_temp.value_of(expression text) RETURNS text LANGUAGE plpgsql STRICT AS $$
DECLARE
    result text;
BEGIN
    IF expression ~ 'gen_random_uuid\(\)$' THEN
        RETURN 'gen_random_uuid()';
    END IF;
    EXECUTE format('SELECT (%s)::text', expression) INTO result;
    RETURN result;
END
$$;

SET timezone = 'UTC';
UPDATE expected_columns SET default_value = now()::text
WHERE column_name IN ('created_at', 'updated_at') AND default_value IS NOT NULL;

CREATE FUNCTION pg_temp.column_definition(type text, nullable boolean, default_value text) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' ', type, CASE WHEN nullable THEN 'null' ELSE 'not null' END, 'default ' || quote_literal(default_value))
$$;

SELECT is(
    (SELECT pg_temp.column_definition(format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
                                      pg_temp.value_of(pg_get_expr(d.adbin, d.adrelid)))
     FROM pg_attribute AS a
     LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = to_regclass('prebuilds.' || e.table_name) AND a.attname = e.column_name AND NOT a.attisdropped),
    pg_temp.column_definition(e.type, e.nullable, e.default_value),
    format('column %s.%s', e.table_name, e.column_name))
FROM expected_columns AS e;

-- Columns whose default the contract leaves open.
SELECT col_type_is('prebuilds', 'workspace_builds', 'build_number', 'integer', 'column workspace_builds.build_number');
SELECT col_not_null('prebuilds', 'workspace_builds', 'build_number', 'build_number is not null');
SELECT col_type_is('prebuilds', 'workspace_builds', 'open', 'boolean', 'column workspace_builds.open');
SELECT col_type_is('prebuilds', 'provisioner_job_logs', 'id', 'bigint', 'column provisioner_job_logs.id');
SELECT isnt(pg_get_serial_sequence('prebuilds.provisioner_job_logs', 'id'), NULL, 'log ids come from a sequence');
SELECT has_column('prebuilds', 'prebuild_events', 'event_type', 'column prebuild_events.event_type');
SELECT has_table('prebuilds', 'resource_replacements', 'table resource_replacements');
SELECT has_table('prebuilds', 'reconcile_passes', 'table reconcile_passes');
SELECT is((SELECT attgenerated FROM pg_attribute WHERE attrelid = 'prebuilds.provisioner_jobs'::regclass AND attname = 'job_status'),
          's', 'job_status is generated and stored');
SELECT hasnt_column('prebuilds', 'organization_members', 'id', 'organization_members has no id');
SELECT hasnt_column('prebuilds', 'group_members', 'id', 'group_members has no id');
SELECT hasnt_column('prebuilds', 'site_configs', 'id', 'site_configs has no id');

-- ---- keys: table, columns or expressions in any order, predicate ----
CREATE TEMPORARY TABLE expected_keys (table_name text, keys text[], predicate text);
INSERT INTO expected_keys VALUES
    ('organizations', '{lower(name)}', 'NOT deleted'),
    ('users', '{lower(username)}', 'NOT deleted'),
    ('users', '{lower(email)}', 'NOT deleted'),
    ('organization_members', '{organization_id,user_id}', NULL),
    ('groups', '{name,organization_id}', NULL),
    ('group_members', '{group_id,user_id}', NULL),
    ('templates', '{lower(name),organization_id}', 'NOT deleted'),
    ('template_versions', '{name,template_id}', NULL),
    ('template_version_parameters', '{name,template_version_id}', NULL),
    ('template_version_presets', '{name,template_version_id}', NULL),
    ('template_version_presets', '{template_version_id}', 'is_default'),
    ('template_version_preset_parameters', '{name,template_version_preset_id}', NULL),
    ('workspaces', '{lower(name),owner_id}', 'NOT deleted'),
    ('workspace_builds', '{build_number,workspace_id}', NULL),
    ('workspace_builds', '{job_id}', NULL),
    ('workspace_builds', '{workspace_id}', 'open'),
    ('workspace_build_parameters', '{name,workspace_build_id}', NULL),
    ('provisioner_daemons', '{name,organization_id}', NULL),
    ('site_configs', '{key}', NULL);

CREATE TEMPORARY VIEW unique_indexes AS
SELECT c.relname AS table_name,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnkeyatts) AS k ORDER BY 1) AS keys,
       pg_get_expr(i.indpred, i.indrelid, true) AS predicate
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indrelid
WHERE c.relnamespace = 'prebuilds'::regnamespace AND i.indisunique AND i.indisvalid;

SELECT ok(EXISTS (SELECT FROM unique_indexes AS u
                  WHERE u.table_name = e.table_name AND u.keys = e.keys AND u.predicate IS NOT DISTINCT FROM e.predicate),
          format('%s is unique by %s%s', e.table_name, array_to_string(e.keys, ', '), ' where ' || e.predicate))
FROM expected_keys AS e;

-- ---- references ----
CREATE TEMPORARY TABLE expected_references (table_name text, column_name text, target text, on_delete text);
INSERT INTO expected_references VALUES
    ('organization_members', 'organization_id', 'organizations', NULL),
    ('organization_members', 'user_id', 'users', NULL),
    ('groups', 'organization_id', 'organizations', NULL),
    ('group_members', 'user_id', 'users', NULL),
    ('group_members', 'group_id', 'groups', NULL),
    ('templates', 'organization_id', 'organizations', 'cascade'),
    ('template_versions', 'template_id', 'templates', 'cascade'),
    ('template_versions', 'organization_id', 'organizations', NULL),
    ('template_version_parameters', 'template_version_id', 'template_versions', 'cascade'),
    ('template_version_presets', 'template_version_id', 'template_versions', 'cascade'),
    ('template_version_preset_parameters', 'template_version_preset_id', 'template_version_presets', 'cascade'),
    ('template_version_preset_prebuild_schedules', 'preset_id', 'template_version_presets', 'cascade'),
    ('workspaces', 'owner_id', 'users', NULL),
    ('workspaces', 'organization_id', 'organizations', NULL),
    ('workspaces', 'template_id', 'templates', NULL),
    ('workspace_builds', 'workspace_id', 'workspaces', 'cascade'),
    ('workspace_builds', 'template_version_id', 'template_versions', NULL),
    ('workspace_builds', 'job_id', 'provisioner_jobs', NULL),
    ('workspace_builds', 'template_version_preset_id', 'template_version_presets', 'set null'),
    ('workspace_build_parameters', 'workspace_build_id', 'workspace_builds', 'cascade'),
    ('workspace_resources', 'job_id', 'provisioner_jobs', 'cascade'),
    ('workspace_agents', 'resource_id', 'workspace_resources', 'cascade'),
    ('provisioner_jobs', 'organization_id', 'organizations', NULL),
    ('provisioner_job_logs', 'job_id', 'provisioner_jobs', 'cascade'),
    ('provisioner_daemons', 'organization_id', 'organizations', NULL),
    ('prebuild_events', 'preset_id', 'template_version_presets', NULL),
    ('preset_failures', 'preset_id', 'template_version_presets', NULL);

CREATE TEMPORARY VIEW foreign_keys AS
SELECT c.conrelid, c.conrelid::regclass::text AS relation, r.relname AS table_name, a.attname AS column_name, a.attnum,
       f.relname AS target, c.condeferrable,
       CASE c.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' ELSE 'refuse' END AS on_delete
FROM pg_constraint AS c
JOIN pg_class AS r ON r.oid = c.conrelid
JOIN pg_class AS f ON f.oid = c.confrelid
JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
WHERE c.contype = 'f' AND r.relnamespace = 'prebuilds'::regnamespace;

SELECT is((SELECT f.target || coalesce(' on delete ' || CASE WHEN e.on_delete IS NOT NULL THEN f.on_delete END, '')
           FROM foreign_keys AS f WHERE f.table_name = e.table_name AND f.column_name = e.column_name),
          e.target || coalesce(' on delete ' || e.on_delete, ''),
          format('%s.%s references %s', e.table_name, e.column_name, e.target))
FROM expected_references AS e;

SELECT is_empty('SELECT relation, column_name FROM foreign_keys WHERE condeferrable', 'every reference is immediate');

SELECT is_empty(
    $$SELECT f.relation, f.column_name FROM foreign_keys AS f
      WHERE NOT EXISTS (SELECT FROM pg_index AS i
                        WHERE i.indrelid = f.conrelid AND i.indkey[0] = f.attnum AND i.indisvalid
                          AND (i.indpred IS NULL
                               OR pg_get_expr(i.indpred, i.indrelid, true) = f.column_name || ' IS NOT NULL'))$$,
    'every reference has an index that begins with its column');

SELECT is_empty(format('SELECT FROM foreign_keys WHERE table_name = %L AND column_name = %L', t, c),
                format('%s.%s references nothing', t, c))
FROM (VALUES ('templates', 'active_version_id'), ('provisioner_jobs', 'worker_id'), ('provisioner_jobs', 'initiator_id'),
             ('workspace_builds', 'initiator_id'), ('notifications', 'user_id')) AS none (t, c);

-- pg_dump orders tables by their references, so these must not close a circle.
SELECT is_empty(
    $$WITH RECURSIVE reach (start, target) AS (
          SELECT table_name, target FROM foreign_keys
          UNION
          SELECT r.start, f.target FROM reach AS r JOIN foreign_keys AS f ON f.table_name = r.target)
      SELECT start FROM reach WHERE start = target$$,
    'no reference closes a circle');

-- ---- enums ----
SELECT enum_has_labels('prebuilds', name, labels, format('labels of %s', name))
FROM (VALUES
    ('workspace_transition', ARRAY['start', 'stop', 'delete']),
    ('provisioner_job_status', ARRAY['pending', 'running', 'succeeded', 'canceling', 'canceled', 'failed', 'unknown']),
    ('provisioner_job_type', ARRAY['template_version_import', 'workspace_build', 'template_version_dry_run']),
    ('workspace_agent_lifecycle_state', ARRAY['created', 'starting', 'start_timeout', 'start_error', 'ready',
                                              'shutting_down', 'shutdown_timeout', 'shutdown_error', 'off']),
    ('prebuild_status', ARRAY['healthy', 'hard_limited', 'validation_failed'])) AS e (name, labels);
SELECT ok(ARRAY['initiator', 'autostart', 'autostop', 'dormancy', 'autodelete'] <@
          enum_range(NULL::prebuilds.build_reason)::text[], 'labels of build_reason');

-- ---- views ----
SELECT ok(columns <@ ARRAY(SELECT attname::text FROM pg_attribute
                           WHERE attrelid = to_regclass('prebuilds.' || name) AND attnum > 0 AND NOT attisdropped),
          format('columns of view %s', name))
FROM (VALUES
    ('workspace_latest_builds', ARRAY['id', 'workspace_id', 'template_version_id', 'job_id', 'template_version_preset_id',
                                      'transition', 'created_at', 'job_status']),
    ('workspace_prebuild_builds', ARRAY['id', 'workspace_id', 'template_version_id', 'build_number', 'transition', 'job_id',
                                        'template_version_preset_id']),
    ('workspace_prebuilds', ARRAY['id', 'name', 'owner_id', 'template_id', 'organization_id', 'created_at', 'ready',
                                  'current_preset_id'])) AS v (name, columns);

-- A publication FOR ALL TABLES, of somebody who knows nothing of us, would refuse every update of a table without.
SELECT is_empty(
    $$SELECT c.oid::regclass FROM pg_class AS c
      WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind = 'r' AND c.relreplident NOT IN ('f', 'i')
        AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary)$$,
    'every table has a replica identity');

-- ---- comments, privileges, dump ----
SELECT is_empty(
    $$SELECT c.oid::regclass FROM pg_class AS c
      WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid, 'pg_class') IS NULL$$,
    'every table and view has a comment');

SELECT is_empty(
    $$SELECT c.oid::regclass, a.privilege_type, a.grantee::regrole
      FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS a
      WHERE c.relnamespace = 'prebuilds'::regnamespace AND a.grantee <> c.relowner$$,
    'nobody but the owner has a privilege on a table, view or sequence');
SELECT is_empty(
    $$SELECT a.privilege_type FROM pg_namespace AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
      WHERE n.nspname = 'prebuilds' AND a.grantee = 0$$,
    'PUBLIC has no privilege on the schema');

-- Derived tables and the row that says where this installation lives are made anew.
SELECT ok(to_regclass('prebuilds.' || name)::oid = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'pg_prebuilds')::oid[]),
          format('pg_dump keeps %s', name))
FROM (SELECT DISTINCT table_name FROM expected_columns WHERE table_name <> 'installation'
      UNION ALL VALUES ('resource_replacements'), ('reconcile_passes'), ('provisioner_job_logs_id_seq')) AS t (name);

SELECT results_eq(
    $$SELECT id, username, email, is_system, deleted FROM prebuilds.users$$,
    $$VALUES ('c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid, 'prebuilds', 'prebuilds@system', true, false)$$,
    'the install script ships the prebuilds user and nobody else');

SELECT * FROM finish();
ROLLBACK;
