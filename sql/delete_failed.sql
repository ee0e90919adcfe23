-- Failed prebuilds are evidence until an operator deletes them.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset

SELECT pg_temp.prebuild(:'small', 'running', '5 hours') AS running, pg_temp.prebuild(:'small', 'failed', '4 hours') AS failed,
       pg_temp.prebuild(:'small', 'canceled', '3 hours') AS canceled, pg_temp.prebuild(:'small', 'just failed', '2 hours') AS just_failed,
       pg_temp.prebuild(:'small', 'claimed', '10 hours') AS claimed \gset
SELECT prebuilds_claim(:'small', :'ann', 'mine') = :'claimed' AS claimed;
UPDATE prebuilds.provisioner_jobs j SET error = 'no more quota' FROM prebuilds.workspace_builds b
WHERE b.job_id = j.id AND b.workspace_id IN (:'failed', :'claimed') AND b.build_number = 1;
UPDATE prebuilds.provisioner_jobs j SET canceled_at = j.completed_at FROM prebuilds.workspace_builds b WHERE b.job_id = j.id AND b.workspace_id = :'canceled';
UPDATE prebuilds.provisioner_jobs j SET error = 'no more quota', completed_at = now() FROM prebuilds.workspace_builds b
WHERE b.job_id = j.id AND b.workspace_id = :'just_failed';

-- By age of the failure, then all.
SELECT w.name FROM prebuilds_delete_failed(:'small', '1 hour') WITH ORDINALITY AS d JOIN prebuilds.workspaces w ON w.id = d.workspace_id ORDER BY d.ordinality;
SELECT w.name FROM prebuilds_delete_failed(:'small') AS d JOIN prebuilds.workspaces w ON w.id = d.workspace_id;
SELECT count(*) FROM prebuilds_delete_failed(:'small');
SELECT w.name, b.build_number, b.transition, u.username AS initiator, b.template_version_preset_id = :'small' AS small,
       convert_from(b.provisioner_state, 'utf8') AS state, j.job_status
FROM prebuilds.workspace_builds b JOIN prebuilds.workspaces w ON w.id = b.workspace_id JOIN prebuilds.users u ON u.id = b.initiator_id
JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id WHERE b.transition = 'delete' ORDER BY w.name;

-- A delete that failed is tried again.
SELECT count(prebuilds_fail_job(job_id, :'daemon', 'still no quota')) FROM prebuilds_acquire_job(:'daemon', 10) WHERE transition = 'delete';
SELECT w.name FROM prebuilds_delete_failed(:'small') AS d JOIN prebuilds.workspaces w ON w.id = d.workspace_id ORDER BY w.name;

\pset format unaligned
\pset tuples_only on
SELECT pg_temp.refused($$SELECT prebuilds_delete_failed(NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_delete_failed('00000000-0000-0000-0000-000000000001')$$);
SELECT pg_temp.refused($$SELECT prebuilds_delete_failed(%L, NULL)$$, :'small');
SELECT pg_temp.refused($$SELECT prebuilds_delete_failed(%L, '-1 minute')$$, :'small');

DROP EXTENSION pg_prebuilds;
