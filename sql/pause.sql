-- While reconciliation is paused, held or disabled no pass acts; the plan says what it would do, and why it does not.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('p', desired => 2);
SELECT * FROM fixture.passes();

-- Paused: nothing is replaced, nobody becomes a member, and claims go on.
SELECT prebuilds_pause('moving house'), prebuilds_pause('again');
SELECT value::jsonb - 'changed_at' - 'changed_by' AS setting FROM site_configs;
UPDATE workspaces SET deleted = true WHERE name ~ '^prebuild-';
DELETE FROM organization_members;
SELECT * FROM fixture.passes(2);
SELECT presets_total, created, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon());
SELECT presets_total, created, lock_acquired, paused FROM prebuilds_reconcile_preset(fixture.id('p'), fixture.noon());
SELECT preset, action, count, reason FROM fixture.plan();
SELECT count(*) AS members FROM organization_members;
SELECT count(fixture.ready('warm'));
CALL fixture.person('ann');
SELECT prebuilds_claim(fixture.id('p'), fixture.id('ann'), 'work', as_of => fixture.noon()) = fixture.id('warm') AS claimed;
SELECT prebuilds_resume(), prebuilds_resume();
SELECT * FROM fixture.passes();
SELECT count(*) AS members FROM organization_members;

-- Withheld while paused: both reasons.
CALL fixture.provision();
CALL fixture.preset('failing', desired => 1);
SELECT count(fixture.prebuild('start', 'failed', 'failing', age => '15 minutes'));
SET prebuilds.reconciliation_backoff_interval = '10min';
SELECT prebuilds_pause();
SELECT preset, action, count, reason, retry_at FROM fixture.plan();
SELECT prebuilds_resume();

-- Disabled.
SET prebuilds.enabled = off;
SELECT created, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon() + interval '1 hour');
SELECT preset, action, count, reason FROM fixture.plan(fixture.noon() + interval '1 hour');
RESET prebuilds.enabled;

-- Held: a restore, or a copy of another database.
UPDATE installation SET created_by_restore = true;
SELECT created, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon() + interval '1 hour');
SELECT preset, action, count, reason FROM fixture.plan(fixture.noon() + interval '1 hour');
UPDATE installation SET created_by_restore = false, database_oid = 1;
SELECT created, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon() + interval '1 hour');
SELECT prebuilds_resume();
SELECT created, lock_acquired, paused FROM prebuilds_reconcile_all(fixture.noon() + interval '1 hour');

-- The setting as Coder writes it, with other members; one that says nothing about the pause is refused.
INSERT INTO site_configs VALUES ('prebuilds_settings', '{"reconciliation_paused": true, "other": 1}')
    ON CONFLICT (key) DO UPDATE SET value = excluded.value;
SELECT paused FROM prebuilds_reconcile_all();
UPDATE site_configs SET value = '{"other": 1}' WHERE key = 'prebuilds_settings';
DELETE FROM site_configs;
SELECT paused FROM prebuilds_reconcile_all();

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
