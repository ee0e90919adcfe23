-- What pg_dump keeps. Derived tables (the read model, job_queues) and the row that says where this installation
-- lives are not: the first pass makes them anew, and a restore writes its own.
SELECT pg_catalog.pg_extension_config_dump('prebuilds.organizations', '');
-- The install script ships the prebuilds user.
SELECT pg_catalog.pg_extension_config_dump('prebuilds.users', $$WHERE id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'$$);
SELECT pg_catalog.pg_extension_config_dump('prebuilds.organization_members', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.groups', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.group_members', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.site_configs', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.templates', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.template_versions', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.template_version_parameters', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.template_version_presets', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.template_version_preset_parameters', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.template_version_preset_prebuild_schedules', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.provisioner_jobs', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.provisioner_job_logs', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.provisioner_job_logs_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.provisioner_daemons', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.workspaces', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.workspace_builds', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.workspace_build_parameters', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.workspace_resources', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.workspace_agents', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.prebuild_events', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.notifications', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.resource_replacements', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.preset_failures', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.reconcile_passes', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.metric_observations', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.metric_batches', '');
SELECT pg_catalog.pg_extension_config_dump('prebuilds.metric_totals', '');
