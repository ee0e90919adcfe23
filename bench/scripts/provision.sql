-- A daemon at work: it takes jobs as they come and completes them; what it made for a pool is ready at once. How long
-- the server took for each acquire is written down.
\if :registered = 0
SELECT prebuilds_register_provisioner('bench', 'daemon-' || :client_id) AS daemon \gset
\set registered 1
\endif
SELECT count(*) AS jobs, coalesce(max(job_id::text), '') AS job, count(*) FILTER (WHERE stage = 'create') AS creates, 1000 * extract(epoch FROM clock_timestamp() - statement_timestamp()) AS milliseconds FROM prebuilds_acquire_job(:daemon) \gset
\if :jobs
INSERT INTO bench.times VALUES (:milliseconds);
SELECT agent_ids[1] AS agent FROM prebuilds_complete_job(:job, :daemon, NULL, '[{"type": "container", "name": "main", "agents": [{"name": "main"}]}]') \gset
\if :creates
SELECT prebuilds_report_agent(:agent, 'ready');
\endif
\else
\sleep 5 ms
\endif
