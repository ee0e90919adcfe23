-- A job belongs to the daemon that acquired it, a daemon to the role that registered it.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set jobs :source '/sql/include/jobs.sql'
\set ECHO none
\i :jobs
\set ECHO all
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_prebuilds_one;
CREATE ROLE regress_prebuilds_two;
SELECT prebuilds_grant('regress_prebuilds_one', 'provisioner'), prebuilds_grant('regress_prebuilds_two', 'provisioner');

SELECT pg_temp.job('first', :'ann', '2 minutes') AS first, pg_temp.job('second', :'ann', '1 minute') AS second \gset
SET ROLE regress_prebuilds_one;
SELECT prebuilds_register_provisioner('acme', 'one') AS one \gset
SELECT prebuilds_register_provisioner('acme', 'one', tags => '{"zone": "a"}', version => '2') = :'one' AS again;
SELECT prebuilds_register_provisioner('acme', 'one') = :'one' AS again;
SELECT prebuilds_register_provisioner('acme', 'other') AS other \gset
SELECT job_id = :'first' FROM prebuilds_acquire_job(:'one');

-- another daemon, of the same role
SELECT replace(replace(pg_temp.refused($$SELECT prebuilds_update_job(%L, %L)$$, :'first', :'other'), :'first', 'first'), :'other', 'other');
SELECT left(pg_temp.refused($$SELECT prebuilds_complete_job(%L, %L)$$, :'first', :'other'), 5);
SELECT left(pg_temp.refused($$SELECT prebuilds_fail_job(%L, %L, 'error')$$, :'first', :'other'), 5);

-- another role, with the id of the daemon or its name
SET ROLE regress_prebuilds_two;
SELECT replace(pg_temp.refused($$SELECT prebuilds_acquire_job(%L)$$, :'one'), :'one', 'one');
SELECT left(pg_temp.refused($$SELECT prebuilds_update_job(%L, %L)$$, :'first', :'one'), 5);
SELECT left(pg_temp.refused($$SELECT prebuilds_complete_job(%L, %L)$$, :'first', :'one'), 5);
SELECT left(pg_temp.refused($$SELECT prebuilds_fail_job(%L, %L, 'error')$$, :'first', :'one'), 5);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'one', fresh => true)$$);
RESET ROLE;
SELECT left(pg_temp.refused($$SELECT prebuilds_complete_job(%L, %L)$$, :'first', :'one'), 5) AS not_even_a_superuser;
SELECT job_status FROM prebuilds.provisioner_jobs WHERE id = :'first';

-- A provisioner that restarts says so: its jobs fail at once, and only its.
SET ROLE regress_prebuilds_one;
SELECT job_id = :'second' FROM prebuilds_acquire_job(:'other');
SELECT prebuilds_register_provisioner('acme', 'one', fresh => true) = :'one' AS fresh;
RESET ROLE;
SELECT job_status, error, error_code FROM prebuilds.provisioner_jobs ORDER BY created_at;

-- Signs of life: written at most every 10 seconds.
UPDATE prebuilds.provisioner_daemons SET last_seen_at = now() - interval '9 seconds' WHERE id = :'one';
SET ROLE regress_prebuilds_one;
SELECT count(*) FROM prebuilds_acquire_job(:'one');
RESET ROLE;
SELECT last_seen_at < now() - interval '8 seconds' AS not_written FROM prebuilds.provisioner_daemons WHERE id = :'one';
UPDATE prebuilds.provisioner_daemons SET last_seen_at = now() - interval '11 seconds' WHERE id = :'one';
SET ROLE regress_prebuilds_one;
SELECT count(*) FROM prebuilds_acquire_job(:'one');
RESET ROLE;
SELECT last_seen_at >= now() - interval '1 second' AS written FROM prebuilds.provisioner_daemons WHERE id = :'one';

-- A daemon of a role that is gone may be taken over, and so may one that an importer wrote.
INSERT INTO prebuilds.provisioner_daemons (organization_id, name) VALUES (:'organization', 'imported');
SELECT prebuilds_revoke('regress_prebuilds_one', 'provisioner');
DROP ROLE regress_prebuilds_one;
SET ROLE regress_prebuilds_two;
SELECT prebuilds_register_provisioner('acme', 'one') = :'one' AS taken_over;
SELECT prebuilds_register_provisioner('acme', 'imported') IS NOT NULL AS taken_over;
RESET ROLE;

SELECT prebuilds_revoke('regress_prebuilds_two', 'provisioner');
DROP ROLE regress_prebuilds_two;
DROP EXTENSION pg_prebuilds;
