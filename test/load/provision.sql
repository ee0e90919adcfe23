-- A provisioner: takes a job, works on it a moment, and completes it, or fails now and then.
\if :fresh
SELECT prebuilds_register_provisioner('acme', 'daemon:client', fresh => true) AS daemon \gset
-- Agents do not go with the connection of the provisioner that started them.
SELECT count(prebuilds_report_agent(a.id, 'ready'))
  FROM prebuilds.provisioner_jobs AS j
  JOIN prebuilds.workspace_resources AS r ON r.job_id = j.id
  JOIN prebuilds.workspace_agents AS a ON a.resource_id = r.id AND NOT a.deleted AND a.lifecycle_state = 'created'
 WHERE j.worker_id = ':daemon';
\set fresh 0
\endif
SELECT count(*) AS jobs, max(job_id::text) AS job, coalesce(max(transition), '') AS transition
  FROM prebuilds_acquire_job(':daemon') \gset
\if :jobs
SELECT prebuilds_update_job(':job', ':daemon', '{at work}');
\set luck random(1, 100)
\if :luck <= :failures
SELECT prebuilds_fail_job(':job', ':daemon', 'no room left');
\else
SELECT coalesce((prebuilds_complete_job(':job', ':daemon', ':transition', CASE ':transition' WHEN 'start'
           THEN '[{"type": "vm", "name": "main", "agents": [{"name": "main"}]}]' ELSE '[]' END::jsonb))[1]::text, '') AS agent \gset
-- A pass may have deleted the workspace already.
SELECT count(prebuilds_report_agent(a.id, 'ready')) FROM prebuilds.workspace_agents AS a
 WHERE a.id = nullif(':agent', '')::uuid AND NOT a.deleted;
\endif
\else
\sleep 20 ms
\endif
