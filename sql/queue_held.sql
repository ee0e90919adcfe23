-- What the queue never hands out: anything while the database is held, and jobs of deleted workspaces.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
SELECT workspace_id AS workspace, job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'one', '{"size": "s"}') \gset

-- a restore, and a copy of another database
UPDATE prebuilds.installation SET created_by_restore = true;
SELECT count(*) FROM prebuilds_acquire_job(:'daemon');
SELECT count(*) FROM prebuilds_reap_jobs(now() + interval '1 day');
UPDATE prebuilds.installation SET created_by_restore = false, database_oid = 1;
SELECT count(*) FROM prebuilds_acquire_job(:'daemon');
SELECT count(*) FROM prebuilds_reap_jobs(now() + interval '1 day');
SELECT prebuilds_resume();

-- A job of a deleted workspace leaves the queue, so that it does not stand at its head.
UPDATE prebuilds.workspaces SET deleted = true WHERE id = :'workspace';
SELECT job_id = :'job' AS job FROM prebuilds_create_workspace(:'template', :'ann', 'two', '{"size": "s"}') \gset
SELECT workspace_name FROM prebuilds_acquire_job(:'daemon', 10);
SELECT w.name, w.deleted, j.job_status FROM prebuilds.workspaces w JOIN prebuilds.workspace_builds b ON b.workspace_id = w.id
JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id ORDER BY w.name;

-- Passing such jobs over takes no memory for each, however large the states of their builds are.
SELECT count(*) FROM generate_series(1, 40) n, prebuilds_create_workspace(:'template', :'ann', 'gone-' || n, '{"size": "s"}');
UPDATE prebuilds.workspaces SET deleted = true WHERE name ~ '^gone';
UPDATE prebuilds.workspace_builds b SET provisioner_state = convert_to(repeat('x', 4 * 1024 * 1024), 'utf8')
FROM prebuilds.workspaces w WHERE w.id = b.workspace_id AND w.name ~ '^gone';
SELECT job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'live', '{"size": "s"}') \gset
\c
CREATE FUNCTION pg_temp.most_memory() RETURNS int LANGUAGE sql
RETURN (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'VmHWM:\s+(\d+) kB'))[1]::int / 1024;
SELECT pg_temp.most_memory() AS megabytes \gset
SELECT workspace_name FROM prebuilds_acquire_job(:'daemon', 10);
SELECT pg_temp.most_memory() < :megabytes + 60 AS passed_over_one_by_one;

-- The build is found by its job, whatever the input says.
SELECT job_id AS job FROM prebuilds_create_workspace(:'template', :'ann', 'three', '{"size": "s"}') \gset
UPDATE prebuilds.provisioner_jobs SET input = '["nonsense"]' WHERE id = :'job';
SELECT workspace_name, build_number, stage FROM prebuilds_acquire_job(:'daemon', 10);

DROP EXTENSION pg_prebuilds;
