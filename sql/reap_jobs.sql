-- The reaper: running jobs without an update for 5 minutes, pending ones that nobody took for 30, except those of the
-- prebuilds user, which wait.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set jobs :source '/sql/include/jobs.sql'
\set ECHO none
\i :jobs
\set ECHO all
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset

SELECT count(pg_temp.job('system''s', prebuilds.system_user_id(), '1 day')), count(pg_temp.job('old', :'ann', '31 minutes')),
       count(pg_temp.job('young', :'ann', '29 minutes'));
INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id, started_at, updated_at, canceled_at, error_code, worker_id)
SELECT :'organization', CASE WHEN j.name ~ 'system' THEN prebuilds.system_user_id() ELSE :'ann' END, now() - interval '1 hour',
       now() - j.silent, j.canceled_at, j.name, :'daemon'
FROM (VALUES ('silent', interval '6 minutes', NULL), ('silent, system''s', '6 minutes', NULL), ('silent, canceled', '6 minutes', now()),
             ('alive', '4 minutes', NULL)) AS j (name, silent, canceled_at);
CREATE TABLE pg_temp.names AS SELECT id, error_code AS name FROM prebuilds.provisioner_jobs;
SELECT n.name, r.reason FROM prebuilds_reap_jobs() AS r JOIN pg_temp.names n ON n.id = r.job_id ORDER BY n.name;
SELECT n.name, j.job_status, j.error, j.error_code, j.completed_at IS NOT NULL AS completed
FROM prebuilds.provisioner_jobs j JOIN pg_temp.names n USING (id) ORDER BY n.name;
SELECT count(*) AS once FROM prebuilds_reap_jobs();

-- At another instant, and with other settings.
SELECT n.name FROM prebuilds_reap_jobs(now() + interval '2 minutes') AS r JOIN pg_temp.names n ON n.id = r.job_id ORDER BY n.name;
SET prebuilds.job_pending_timeout = '1h';
SELECT count(pg_temp.job('half an hour', :'ann', '40 minutes'));
SELECT count(*) FROM prebuilds_reap_jobs();
RESET prebuilds.job_pending_timeout;
SELECT count(*) FROM prebuilds_reap_jobs();

-- Disabled and paused it goes on: the queue does.
SELECT count(pg_temp.job('another', :'ann', '40 minutes'));
SET prebuilds.enabled = off;
SELECT prebuilds_pause();
SELECT count(*) FROM prebuilds_reap_jobs();
RESET prebuilds.enabled;

\pset format unaligned
\pset tuples_only on
SELECT pg_temp.refused($$SELECT prebuilds_reap_jobs('infinity')$$);

DROP EXTENSION pg_prebuilds;
