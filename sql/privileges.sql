-- Nothing for PUBLIC, but what generated columns call; a role gets one set of functions at a time, and no table.
CREATE ROLE regress_one;
CREATE ROLE regress_two;
CREATE SCHEMA api;
CREATE EXTENSION pg_prebuilds SCHEMA api;
\set VERBOSITY default
\set SHOW_CONTEXT never

SELECT p.proname AS functions_for_public
  FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_prebuilds'
 WHERE has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1;
SELECT has_schema_privilege('public', 'prebuilds', 'USAGE') AS schema_for_public,
       (SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind IN ('r', 'v')
           AND has_table_privilege('public', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')) AS tables_for_public;

-- What a role may call, and how many tables of ours it may touch.
CREATE VIEW pg_temp.may AS
SELECT r.rolname AS role, f.name,
       (SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind IN ('r', 'v', 'S')
           AND has_schema_privilege(r.rolname, 'prebuilds', 'USAGE')) AS tables
  FROM pg_roles r, prebuilds.api_functions f
 WHERE r.rolname LIKE 'regress\_%' AND has_function_privilege(r.rolname, f.function, 'EXECUTE')
   AND has_schema_privilege(r.rolname, 'api', 'USAGE');

SELECT * FROM api.prebuilds_grant('regress_one', 'claimer');
SELECT * FROM api.prebuilds_grant('regress_one', 'claimer');
SELECT * FROM pg_temp.may ORDER BY name;
SET ROLE regress_one;
SELECT api.prebuilds_find_preset('acme', 'web');
SELECT api.prebuilds_pause();
SELECT api.prebuilds_grant('regress_one', 'operator');
SELECT api.prebuilds_claim(NULL, NULL, NULL, as_of => now());
SELECT * FROM prebuilds.workspaces;
RESET ROLE;

-- Two sets that share a function: it stays while one of them needs it.
SELECT * FROM api.prebuilds_grant('regress_one', 'author');
SELECT name FROM pg_temp.may EXCEPT SELECT name FROM prebuilds.capability_functions WHERE capability IN ('claimer', 'author');
SELECT * FROM api.prebuilds_revoke('regress_one', 'author');
SELECT * FROM api.prebuilds_revoke('regress_one', 'author');
SELECT count(*), bool_and(name IN (SELECT name FROM prebuilds.capability_functions WHERE capability = 'claimer')) AS all_of_claimer FROM pg_temp.may;
SELECT * FROM api.prebuilds_revoke('regress_one', 'claimer');
SELECT has_schema_privilege('regress_one', 'api', 'USAGE') AS usage, count(*) FROM pg_temp.may;

-- An operator may do everything, at any instant, and hand it on; without it there is nothing left.
SELECT * FROM api.prebuilds_grant('regress_two', 'operator');
SELECT count(*) = (SELECT count(*) FROM prebuilds.api_functions) AS everything FROM pg_temp.may;
SET ROLE regress_two;
SELECT api.prebuilds_pause('operator at work');
SELECT api.prebuilds_grant('regress_one', 'observer');
SELECT api.prebuilds_revoke('regress_one', 'observer');
SELECT * FROM prebuilds.site_configs;
RESET ROLE;
SELECT value::jsonb ->> 'changed_by' AS changed_by FROM prebuilds.site_configs;
SELECT * FROM api.prebuilds_revoke('regress_two', 'claimer');
SELECT * FROM api.prebuilds_revoke('regress_two', 'operator');
SELECT count(*) FROM pg_temp.may;

-- Errors.
SELECT api.prebuilds_grant('regress_one', 'king');
SELECT api.prebuilds_grant('regress_one', NULL);
SELECT api.prebuilds_grant(NULL, 'observer');
SELECT api.prebuilds_revoke(1::oid::regrole, 'observer');

-- A role with the right to write a table needs no right on our functions.
GRANT USAGE ON SCHEMA prebuilds TO regress_one;
GRANT INSERT ON prebuilds.organizations, prebuilds.provisioner_jobs, prebuilds.site_configs TO regress_one;
SET ROLE regress_one;
INSERT INTO prebuilds.organizations (id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'acme');
INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id, tags)
VALUES ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002', '{"gpu": true}');
INSERT INTO prebuilds.site_configs VALUES ('other', 'value');
RESET ROLE;
SELECT tags FROM prebuilds.job_queues;

DROP VIEW pg_temp.may;
DROP EXTENSION pg_prebuilds;
DROP SCHEMA api;
DROP ROLE regress_one, regress_two;
