-- What provisioners are refused; nothing that is refused changes anything.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set jobs :source '/sql/include/jobs.sql'
\set ECHO none
\i :jobs
\set ECHO all
\set nobody '00000000-0000-0000-0000-000000000001'
\pset format unaligned
\pset tuples_only on
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
SELECT pg_temp.job('job', :'ann') AS job \gset
SELECT pg_temp.job('pending', :'ann') AS pending \gset
SELECT count(*) FROM prebuilds_acquire_job(:'daemon');

-- register
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner(NULL, 'd')$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('nowhere', 'd')$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', '')$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', '{}')$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', '{terraform,NULL}')$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', tags => NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', tags => '[]')$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', tags => '{"zone": ["a"]}')$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', tags => '{"scope": "world"}')$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', version => NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_register_provisioner('acme', 'd', fresh => NULL)$$);

-- acquire
SELECT pg_temp.refused($$SELECT prebuilds_acquire_job(NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_acquire_job(%L)$$, :'nobody');
SELECT pg_temp.refused($$SELECT prebuilds_acquire_job(%L, NULL)$$, :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_acquire_job(%L, 0)$$, :'daemon');

-- update, complete, fail, cancel: ids
SELECT pg_temp.refused($$SELECT prebuilds_update_job(NULL, %L)$$, :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_update_job(%L, %L)$$, :'nobody', :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_update_job(%L, NULL)$$, :'job');
SELECT pg_temp.refused($$SELECT prebuilds_update_job(%L, %L)$$, :'job', :'nobody');
SELECT pg_temp.refused($$SELECT prebuilds_complete_job(NULL, %L)$$, :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_complete_job(%L, %L)$$, :'nobody', :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_fail_job(%L, %L, 'error')$$, :'nobody', :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_cancel_job(NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_cancel_job(%L)$$, :'nobody');

-- values
SELECT pg_temp.refused($$SELECT prebuilds_update_job(%L, %L, NULL)$$, :'job', :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_update_job(%L, %L, '{one,NULL}')$$, :'job', :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_fail_job(%L, %L, NULL)$$, :'job', :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_fail_job(%L, %L, '')$$, :'job', :'daemon');
SELECT pg_temp.refused($$SELECT prebuilds_complete_job(%L, %L, NULL, NULL)$$, :'job', :'daemon');
SELECT pg_temp.refused('SELECT prebuilds_complete_job(%L, %L, NULL, %L)', :'job', :'daemon', r.resources) FROM (VALUES
    ('{}'), ('[1]'), ('[{"type": "vm"}]'), ('[{"type": "", "name": "main"}]'), ('[{"type": "vm", "name": 1}]'),
    ('[{"type": "vm", "name": "main", "daily_cost": -1}]'), ('[{"type": "vm", "name": "main", "daily_cost": 1.5}]'),
    ('[{"type": "vm", "name": "main", "metadata": []}]'), ('[{"type": "vm", "name": "main", "agent": []}]'),
    ('[{"type": "vm", "name": "main"}, {"type": "vm", "name": "second", "agents": {}}]'),
    ('[{"type": "vm", "name": "main", "agents": [{"name": "a"}, {}]}]'),
    ('[{"type": "vm", "name": "main", "agents": [{"name": "a", "metadata": "m"}]}]')) AS r (resources);
SELECT count(*) FROM prebuilds.workspace_resources;
SELECT job_status FROM prebuilds.provisioner_jobs WHERE id = :'job';

-- a job that nobody holds yet
SELECT replace(replace(pg_temp.refused($$SELECT prebuilds_complete_job(%L, %L)$$, :'pending', :'daemon'), :'pending', 'pending'), :'daemon', 'daemon');

-- a job that has ended
SELECT prebuilds_complete_job(:'job', :'daemon');
SELECT split_part(pg_temp.refused($$SELECT prebuilds_update_job(%L, %L)$$, :'job', :'daemon'), :'job', 2);
SELECT split_part(pg_temp.refused($$SELECT prebuilds_complete_job(%L, %L)$$, :'job', :'daemon'), :'job', 2);
SELECT split_part(pg_temp.refused($$SELECT prebuilds_fail_job(%L, %L, 'late')$$, :'job', :'daemon'), :'job', 2);
SELECT split_part(pg_temp.refused($$SELECT prebuilds_cancel_job(%L)$$, :'job'), :'job', 2);
SELECT job_status, error FROM prebuilds.provisioner_jobs WHERE id = :'job';

DROP EXTENSION pg_prebuilds;
