-- What the statement that takes or completes a job has written before the call counts, as it does in PL/pgSQL.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
CREATE FUNCTION pg_temp.running_job(workspace_name text, OUT workspace uuid, OUT job uuid) LANGUAGE plpgsql AS $$
BEGIN
    SELECT w.workspace_id, w.job_id INTO workspace, job
      FROM prebuilds.templates t, prebuilds_create_workspace(t.id, prebuilds_ensure_user('ann'), running_job.workspace_name, '{"size": "s"}') w;
    PERFORM prebuilds_acquire_job(id) FROM prebuilds.provisioner_daemons;
END $$;

-- A job that it has changed.
SELECT * FROM pg_temp.running_job('first') \gset
WITH changed AS (UPDATE prebuilds.provisioner_jobs SET updated_at = now() WHERE id = :'job' RETURNING id)
SELECT prebuilds_complete_job(id, :'daemon') FROM changed;
SELECT job_status FROM prebuilds_workspace(:'workspace');

-- A workspace: its deadline is of the new TTL.
SELECT * FROM pg_temp.running_job('second') \gset
WITH changed AS (UPDATE prebuilds.workspaces SET ttl = 60 * 60 * 1e9 WHERE id = :'workspace' RETURNING id)
SELECT prebuilds_complete_job(:'job', :'daemon') FROM changed;
SELECT b.deadline - j.completed_at AS runs_for
FROM prebuilds.workspace_builds b JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id WHERE j.id = :'job';

-- The daemon: it takes a job that only its new tags let it take.
SELECT job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'third', '{"size": "s"}') \gset
UPDATE prebuilds.provisioner_jobs SET tags = '{"scope": "organization", "owner": "", "gpu": "yes"}' WHERE id = :'job';
WITH changed AS (
    UPDATE prebuilds.provisioner_daemons SET tags = '{"scope": "organization", "owner": "", "gpu": "yes"}' RETURNING id
)
SELECT a.job_id = :'job' AS taken FROM changed, prebuilds_acquire_job(changed.id) a;
DROP EXTENSION pg_prebuilds;
