-- A daemon takes a job.
\if :registered = 0
SELECT prebuilds_register_provisioner('bench', 'daemon-' || :client_id) AS daemon \gset
\set registered 1
\endif
SELECT * FROM prebuilds_acquire_job(:daemon);
