-- Failing and canceling jobs.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set jobs :source '/sql/include/jobs.sql'
\set ECHO none
\i :jobs
\set ECHO all
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
CREATE VIEW pg_temp.job_now AS
SELECT job_status, error, error_code, started_at IS NOT NULL AS started, canceled_at IS NOT NULL AS canceled,
       completed_at IS NOT NULL AS completed, completed_at = canceled_at AS at_once
FROM prebuilds.provisioner_jobs;

-- A failure keeps its error and code.
SELECT pg_temp.job('', :'ann') AS job \gset
SELECT count(*) FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_fail_job(:'job', :'daemon', 'no more quota', 'QUOTA');
SELECT * FROM pg_temp.job_now;
DELETE FROM prebuilds.provisioner_jobs;

-- A pending job ends at once; to cancel it again changes nothing.
SELECT pg_temp.job('', :'ann') AS job \gset
SELECT prebuilds_cancel_job(:'job');
SELECT prebuilds_cancel_job(:'job');
SELECT * FROM pg_temp.job_now;
DELETE FROM prebuilds.provisioner_jobs;

-- A running one is told at its next update, and ends when it says so, canceled.
SELECT pg_temp.job('', :'ann') AS job \gset
SELECT count(*) FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_update_job(:'job', :'daemon') AS canceled;
SELECT prebuilds_cancel_job(:'job');
SELECT prebuilds_cancel_job(:'job');
SELECT * FROM pg_temp.job_now;
SELECT prebuilds_update_job(:'job', :'daemon') AS canceled;
SELECT prebuilds_complete_job(:'job', :'daemon');
SELECT * FROM pg_temp.job_now;
DELETE FROM prebuilds.provisioner_jobs;

-- One that cannot even stop has failed.
SELECT pg_temp.job('', :'ann') AS job \gset
SELECT count(*) FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_cancel_job(:'job');
SELECT prebuilds_fail_job(:'job', :'daemon', 'stuck');
SELECT * FROM pg_temp.job_now;
DELETE FROM prebuilds.provisioner_jobs;

-- Logs: in order, the first 1 MiB of a job.
SELECT pg_temp.job('', :'ann') AS job \gset
SELECT count(*) FROM prebuilds_acquire_job(:'daemon');
SELECT prebuilds_update_job(:'job', :'daemon', '{first,second}');
SELECT prebuilds_update_job(:'job', :'daemon', ARRAY(SELECT repeat('x', 1024) FROM generate_series(1, 2000)));
SELECT prebuilds_update_job(:'job', :'daemon', '{last}');
SELECT count(*), sum(octet_length(line)), (array_agg(line ORDER BY id))[1:2] AS first, (array_agg(line ORDER BY id DESC))[1] AS last
FROM prebuilds.provisioner_job_logs WHERE job_id = :'job';

DROP VIEW pg_temp.job_now;
DROP EXTENSION pg_prebuilds;
