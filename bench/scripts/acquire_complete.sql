-- A daemon takes a job and completes it.
\if :registered = 0
SELECT prebuilds_register_provisioner('bench', 'daemon-' || :client_id) AS daemon \gset
\set registered 1
\endif
SELECT job_id AS job FROM prebuilds_acquire_job(:daemon) \gset
SELECT prebuilds_complete_job(:job, :daemon, NULL, '[{"type": "container", "name": "main", "agents": [{"name": "main"}]}]');
