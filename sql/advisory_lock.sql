-- One pass at a time, by a lock of the transaction that no advisory lock of an application meets. (That a second session
-- does not get it, and what it sees afterwards, is in the isolation spec pass-pass.)
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.preset('p', desired => 2);
CREATE VIEW fixture.pass_lock AS
SELECT count(*) > 0 AS held FROM pg_locks AS l
 WHERE l.locktype = 'advisory' AND l.objsubid NOT IN (1, 2) AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- Every function of a pass takes it, a pass with nothing to do and one that is paused too; it goes with the transaction.
BEGIN;
SELECT created, lock_acquired FROM prebuilds_reconcile_all(fixture.noon());
SELECT held FROM fixture.pass_lock;
COMMIT;
SELECT held FROM fixture.pass_lock;
BEGIN;
SELECT created, lock_acquired FROM prebuilds_reconcile_preset(fixture.id('p'), fixture.noon());
SELECT held FROM fixture.pass_lock;
ROLLBACK;
SELECT prebuilds_pause();
BEGIN;
SELECT created, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon());
SELECT held FROM fixture.pass_lock;
ROLLBACK;
SELECT prebuilds_resume();
-- A savepoint that is rolled back gives it back; whoever holds it may run another pass.
BEGIN;
SAVEPOINT s;
SELECT lock_acquired FROM prebuilds_reconcile_all(fixture.noon());
ROLLBACK TO s;
SELECT held FROM fixture.pass_lock;
SELECT lock_acquired FROM prebuilds_reconcile_all(fixture.noon());
SELECT lock_acquired FROM prebuilds_reconcile_all(fixture.noon());
COMMIT;
-- To look takes none.
BEGIN;
SELECT count(*) FROM fixture.plan();
SELECT count(*) FROM prebuilds_status(fixture.noon());
SELECT held FROM fixture.pass_lock;
COMMIT;

-- No advisory lock of an application meets it.
SELECT count(*) FROM unnest('{0, 1, 77, 1886545250}'::int[]) x, unnest('{0, 1, 2, 77}'::int[]) y,
       LATERAL (SELECT pg_advisory_lock(x::bigint), pg_advisory_lock(x, y)) l;
BEGIN;
SELECT lock_acquired FROM prebuilds_reconcile_all(fixture.noon());
COMMIT;
SELECT pg_advisory_unlock_all();

-- Not obtained: nothing is read or written, and nothing but that is told. Here a transaction that is prepared holds it.
BEGIN;
SELECT created FROM prebuilds_reconcile_all(fixture.noon());
PREPARE TRANSACTION 'pass';
SELECT prebuilds_set_desired(fixture.id('p'), 3);
SELECT elapsed, presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors, lock_acquired, paused
  FROM prebuilds_reconcile_all(fixture.noon());
SELECT created, lock_acquired FROM prebuilds_reconcile_preset(fixture.id('p'), fixture.noon());
SELECT fixture.new_prebuilds(), (SELECT count(*) FROM reconcile_passes) AS passes;
COMMIT PREPARED 'pass';
SELECT created, lock_acquired FROM prebuilds_reconcile_all(fixture.noon());

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
