-- The five capability sets: who holds one can call exactly its functions, and reads no table.
BEGIN;
SELECT no_plan();

CREATE TEMPORARY TABLE expected_capabilities (capability text, function text);
INSERT INTO expected_capabilities
SELECT capability, 'prebuilds_' || function
FROM (VALUES
    ('observer', ARRAY['status', 'plan', 'org_status', 'metrics', 'worker_status', 'workspace', 'find_preset']),
    ('claimer', ARRAY['ensure_user', 'find_preset', 'match_preset', 'claim', 'create_workspace', 'build_workspace',
                      'workspace', 'cancel_job']),
    ('author', ARRAY['push_template', 'promote_version', 'deprecate_template', 'delete_template', 'invalidate',
                     'track_resource_replacement', 'find_preset', 'status', 'plan']),
    ('provisioner', ARRAY['register_provisioner', 'acquire_job', 'update_job', 'complete_job', 'fail_job',
                          'report_agent'])) AS sets (capability, functions),
    unnest(functions) AS function;

-- Without those of generated columns, which are for whoever may write the table (functions.sql).
CREATE TEMPORARY VIEW extension_functions AS
SELECT p.oid, p.proname::text AS name, p.pronamespace
FROM pg_proc AS p
JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
WHERE e.extname = 'pg_prebuilds' AND p.proname NOT IN ('job_status', 'queue_key');

INSERT INTO expected_capabilities
SELECT 'operator', name FROM extension_functions WHERE pronamespace = 'public'::regnamespace;

CREATE TEMPORARY TABLE holders (capability text, role text);
INSERT INTO holders SELECT c, 'Capability ' || c FROM unnest(ARRAY['observer', 'claimer', 'author', 'provisioner', 'operator']) AS c;
SELECT format('CREATE ROLE %I', role) FROM holders \gexec
CREATE ROLE "Capability none";
GRANT SELECT ON holders, expected_capabilities TO PUBLIC;

-- USAGE comes with the grant, not from PUBLIC.
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- pgTAP is in the same schema: what a role may call of the extension alone counts.
CREATE FUNCTION pg_temp.callable(role text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT name FROM extension_functions WHERE has_function_privilege(role, oid, 'EXECUTE')
$$;

CREATE FUNCTION pg_temp.readable(role text) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT c.oid::regclass::text FROM pg_class AS c
    WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'p')
      AND (has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
           OR has_any_column_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES'))
    UNION ALL
    SELECT c.oid::regclass::text FROM pg_class AS c
    WHERE c.relnamespace = 'prebuilds'::regnamespace
      -- It is an error to ask this of a table, and the conditions may be tried in any order.
      AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(role, c.oid, 'USAGE, SELECT, UPDATE') END
$$;

-- ---- nobody has anything ----
SELECT is_empty('SELECT pg_temp.callable(''Capability none'')', 'a role without a capability can call nothing');
SELECT is_empty('SELECT pg_temp.readable(''Capability none'')', 'a role without a capability reads nothing');

-- ---- grant ----
SELECT ok(changed, capability || ': the first grant changes something')
FROM holders CROSS JOIN LATERAL prebuilds_grant(quote_ident(role)::regrole, capability) AS g (changed);
SELECT ok(NOT changed, capability || ': the second grant changes nothing')
FROM holders CROSS JOIN LATERAL prebuilds_grant(quote_ident(role)::regrole, capability) AS g (changed);

SELECT set_eq(format('SELECT pg_temp.callable(%L)', role),
              format('SELECT function FROM expected_capabilities WHERE capability = %L', capability),
              capability || ' can call exactly its set')
FROM holders;
SELECT is_empty(format('SELECT pg_temp.readable(%L)', role), capability || ' reads no table') FROM holders;
SELECT ok(has_schema_privilege(role, 'public', 'USAGE'), capability || ' finds the API') FROM holders;
SELECT ok(NOT has_schema_privilege(role, 'public', 'CREATE'), capability || ' creates nothing beside the API') FROM holders;
SELECT is_empty('SELECT pg_temp.callable(''Capability none'')', 'grants reach nobody else');

-- ---- in their own session ----
-- pgTAP itself must be usable under the roles.
GRANT USAGE ON SCHEMA public TO PUBLIC;

SET ROLE "Capability observer";
SELECT lives_ok('SELECT * FROM prebuilds_status()', 'an observer sees the status');
SELECT throws_ok('SELECT * FROM prebuilds_reconcile_all()', '42501', NULL, 'an observer reconciles nothing');
SELECT throws_ok('SELECT * FROM prebuilds_status(as_of => now())', '42501', NULL, 'another time needs the operator set');
SELECT throws_ok('SELECT * FROM prebuilds.users', '42501', NULL, 'an observer reads no table');
SELECT throws_ok('SELECT prebuilds_grant(''"Capability observer"'', ''operator'')', '42501', NULL, 'an observer grants himself nothing');
RESET ROLE;
SET ROLE "Capability claimer";
SELECT lives_ok('SELECT prebuilds_ensure_user(''claimer'')', 'a claimer makes users');
SELECT throws_ok('SELECT * FROM prebuilds_status()', '42501', NULL, 'a claimer sees no status');
SELECT throws_ok(
    $$SELECT prebuilds_claim(gen_random_uuid(), gen_random_uuid(), 'w', as_of => now())$$, '42501', NULL,
    'a claimer claims at no other time');
RESET ROLE;
SET ROLE "Capability author";
SELECT lives_ok($$SELECT * FROM prebuilds_push_template('acme', 'docker', 'v1', '[]')$$, 'an author pushes');
SELECT throws_ok('SELECT prebuilds_pause()', '42501', NULL, 'an author pauses nothing');
RESET ROLE;
SET ROLE "Capability provisioner";
SELECT lives_ok($$SELECT prebuilds_register_provisioner('acme', 'p1')$$, 'a provisioner registers');
SELECT throws_ok($$SELECT prebuilds_cancel_job(gen_random_uuid())$$, '42501', NULL, 'a provisioner cancels nothing');
RESET ROLE;
SET ROLE "Capability operator";
SELECT lives_ok('SELECT * FROM prebuilds_reconcile_all(as_of => now())', 'an operator reconciles at any time');
SELECT lives_ok('SELECT prebuilds_pause(''for the test'')', 'an operator pauses');
SELECT throws_ok('SELECT * FROM prebuilds.users', '42501', NULL, 'an operator reads no table');
RESET ROLE;

-- ---- two sets overlap: revoking one leaves the other whole ----
SELECT prebuilds_grant('"Capability none"', 'observer'), prebuilds_grant('"Capability none"', 'claimer');
SELECT ok(changed, 'the first revoke changes something') FROM prebuilds_revoke('"Capability none"', 'claimer') AS r (changed);
SELECT ok(NOT changed, 'the second revoke changes nothing') FROM prebuilds_revoke('"Capability none"', 'claimer') AS r (changed);
SELECT set_eq('SELECT pg_temp.callable(''Capability none'')',
              'SELECT function FROM expected_capabilities WHERE capability = ''observer''',
              'what both sets had stays with the other');
SELECT ok(changed, 'the last set is revoked') FROM prebuilds_revoke('"Capability none"', 'observer') AS r (changed);
SELECT is_empty('SELECT pg_temp.callable(''Capability none'')', 'nothing is left');

SELECT * FROM finish();
ROLLBACK;
