-- A pass is a function: it works in any transaction that can write, under any isolation level.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('p', desired => 2);

-- In a transaction of each level that has taken its snapshot and written rows before; rolled back, nothing is left.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM workspaces;
CALL fixture.preset('q', desired => 1);
SELECT created, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon());
SELECT created, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon());
SELECT fixture.new_prebuilds();
ROLLBACK;
SELECT fixture.new_prebuilds();
BEGIN ISOLATION LEVEL SERIALIZABLE;
CALL fixture.preset('q', desired => 1);
SELECT created, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon());
CALL fixture.provision();
CALL fixture.version('v2');
SELECT created, deleted, conflicts, errors FROM prebuilds_reconcile_all(fixture.noon());
SELECT preset, action, count FROM fixture.plan();
SELECT preset_name, actual, deleting FROM prebuilds_status(fixture.noon());
COMMIT;
UPDATE templates SET active_version_id = fixture.id('v1') WHERE name = 'web';

-- What the transaction has changed itself counts, in subtransactions too.
BEGIN;
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
SAVEPOINT s;
UPDATE template_version_presets SET desired_instances = 5 WHERE name = 'p';
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
ROLLBACK TO s;
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
SELECT preset_name, desired, starting FROM prebuilds_status(fixture.noon());
ROLLBACK;
-- Twice in one statement, and beside other functions that write.
SELECT a.created, b.created FROM prebuilds_reconcile_all(fixture.noon()) a, prebuilds_reconcile_all(fixture.noon()) b;
WITH changed AS (SELECT prebuilds_set_desired(fixture.id('p'), 3) AS changed)
SELECT changed, created FROM changed, LATERAL prebuilds_reconcile_all(CASE WHEN changed THEN fixture.noon() END);
-- In PL/pgSQL, with an exception handler around.
DO $$
BEGIN
    BEGIN
        PERFORM prebuilds_set_desired(fixture.id('p'), 9);
        PERFORM prebuilds_reconcile_all(fixture.noon());
        RAISE EXCEPTION 'never mind';
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE '%: % prebuilds', SQLERRM, fixture.new_prebuilds();
    END;
    PERFORM prebuilds_reconcile_all(fixture.noon());
    RAISE NOTICE '% prebuilds', fixture.new_prebuilds();
END
$$;
-- Prepared, and with a cursor.
PREPARE pass AS SELECT created, lock_acquired FROM prebuilds_reconcile_all($1);
EXECUTE pass(fixture.noon());
BEGIN;
DECLARE c CURSOR FOR SELECT created FROM prebuilds_reconcile_all(fixture.noon());
FETCH c;
FETCH c;
COMMIT;

-- A transaction that cannot write cannot run a pass, even one with nothing to do; to look is allowed.
BEGIN READ ONLY;
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN READ ONLY;
SELECT created FROM prebuilds_reconcile_preset(fixture.id('p'), fixture.noon());
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
BEGIN READ ONLY;
SELECT * FROM prebuilds_reconcile_membership();
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
-- Nor record that a claim has found nothing, foreign keys or not.
\set SHOW_CONTEXT never
INSERT INTO users (id, username, email) VALUES (fixture.id('reader'), 'reader', 'reader@example.com');
SET session_replication_role = replica;
BEGIN READ ONLY;
SELECT prebuilds_claim(fixture.id('p'), fixture.id('reader'), 'mine');
\echo :LAST_ERROR_SQLSTATE
ROLLBACK;
RESET session_replication_role;
UPDATE template_version_presets SET desired_instances = 6 WHERE name = 'p';
BEGIN READ ONLY;
SELECT preset, action, count FROM fixture.plan();
SELECT preset_name, desired FROM prebuilds_status(fixture.noon());
SELECT organization_name FROM prebuilds_org_status();
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
ROLLBACK;

-- A pass whose transaction is prepared holds its lock until that ends. One that posts a job cannot be: it announces it.
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
BEGIN;
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
PREPARE TRANSACTION 'pass';
SELECT presets_total, created, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon());
COMMIT PREPARED 'pass';
SELECT presets_total, created, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon());

-- But jobs that are over before anybody could see them are not announced.
CALL fixture.version('v9');
BEGIN;
SELECT created, deleted > 0 AND deleted = canceled AS orphans_deleted FROM prebuilds_reconcile_all(fixture.noon());
PREPARE TRANSACTION 'orphans';
COMMIT PREPARED 'orphans';

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
