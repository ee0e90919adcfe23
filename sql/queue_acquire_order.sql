-- The order of the queue: people's jobs, oldest first, then those of the prebuilds user, oldest first.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set jobs :source '/sql/include/jobs.sql'
\set ECHO none
\i :jobs
\set ECHO all

SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
SELECT count(pg_temp.job(CASE WHEN n % 2 = 0 THEN 'ann ' ELSE 'system ' END || n,
                         CASE WHEN n % 2 = 0 THEN :'ann' ELSE prebuilds.system_user_id() END, n * interval '1 minute'))
FROM generate_series(1, 10) AS n;

-- one by one, then several at once
SELECT pg_temp.name_of(job_id) FROM prebuilds_acquire_job(:'daemon');
SELECT pg_temp.name_of(job_id) FROM prebuilds_acquire_job(:'daemon');
SELECT pg_temp.name_of(job_id) FROM prebuilds_acquire_job(:'daemon', 5);
SELECT pg_temp.name_of(job_id) FROM prebuilds_acquire_job(:'daemon', 100);
SELECT count(*) FROM prebuilds_acquire_job(:'daemon', 100);
SELECT job_status, count(*), bool_and(worker_id = :'daemon' AND started_at = updated_at) AS taken FROM prebuilds.provisioner_jobs GROUP BY job_status;

-- One instant: the lower id.
SELECT count(pg_temp.job('ann ' || n, :'ann')) FROM generate_series(1, 2) AS n;
UPDATE prebuilds.provisioner_jobs SET created_at = '2025-06-01' WHERE job_status = 'pending';
SELECT count(*), (array_agg(job_id ORDER BY n))[1] = (array_agg(job_id ORDER BY job_id))[1] AS lower_id_first
FROM (SELECT job_id, row_number() OVER () AS n FROM prebuilds_acquire_job(:'daemon', 2)) AS a;

-- Neither a canceled nor a finished job.
SELECT prebuilds_cancel_job(pg_temp.job('canceled', :'ann'));
SELECT pg_temp.job('reaped', :'ann') AS reaped \gset
UPDATE prebuilds.provisioner_jobs SET error = 'reaped', completed_at = now() WHERE id = :'reaped';
SELECT count(*) FROM prebuilds_acquire_job(:'daemon', 100);

-- Several queues are one order: another provisioner, and tags of its own.
SELECT prebuilds_register_provisioner('acme', 'daemon of all', '{terraform,echo}', '{"zone": "a"}') AS daemon \gset
SELECT count(pg_temp.job(j.name, CASE WHEN j.name ~ 'ann' THEN :'ann' ELSE prebuilds.system_user_id() END, j.age, j.tags, j.provisioner))
FROM (VALUES ('ann, echo', interval '1 minute', '{"zone": "a"}'::jsonb, 'echo'), ('ann, terraform', '2 minutes', '{"zone": "a"}', 'terraform'),
             ('ann, no owner', '3 minutes', '{"zone": "a", "scope": "organization"}', 'terraform'),
             ('system, echo', '1 hour', '{"zone": "a"}', 'echo'), ('system, terraform', '2 hours', '{"zone": "a"}', 'terraform')) AS j (name, age, tags, provisioner);
SELECT pg_temp.name_of(job_id) FROM prebuilds_acquire_job(:'daemon', 100);

DROP EXTENSION pg_prebuilds;
