-- An operator meddles with what others want: stops and deletes the prebuild that the next claim would get, cancels
-- jobs, removes failures, runs a pass beside the worker.
SELECT load.attempt(format('SELECT prebuilds_build_workspace(%L, %L, load.person(0))', l.workspace_id,
                           CASE WHEN random() < 0.5 THEN 'stop' ELSE 'delete' END))
  FROM (SELECT l.workspace_id FROM prebuilds.live_prebuilds AS l JOIN load.pools AS p USING (preset_id)
         WHERE l.transition = 'start' AND l.job_status = 'succeeded' AND l.ready
         ORDER BY l.created_at, l.workspace_id LIMIT 1) AS l;
SELECT load.attempt(format('SELECT prebuilds_cancel_job(%L)', j.id))
  FROM (SELECT j.id FROM prebuilds.provisioner_jobs AS j
         WHERE j.job_status IN ('pending', 'running') ORDER BY random() LIMIT 1) AS j;
SELECT count(*) FROM prebuilds_reconcile_all();
SELECT count(d.*) FROM load.pools AS p, prebuilds_delete_failed(p.preset_id) AS d;
\set pause random(200, 600)
\sleep :pause ms
