-- A template with a pool, two people, and the means to fill it by hand: what most tests of the API begin with.
-- Sets :template, :version, :small (a preset that wants 2 prebuilds), :ann and :bob.
SELECT p.template_id AS template, p.template_version_id AS version, p.preset_ids ->> 'small' AS small
FROM prebuilds_push_template('acme', 'web', 'v1',
    '[{"name": "small", "default": true, "parameters": {"size": "s"}, "prebuilds": {"instances": 2}}]',
    parameters => '[{"name": "size"}, {"name": "region", "default_value": "eu"}]', default_ttl => '8 hours') AS p \gset
SELECT prebuilds_ensure_user('ann') AS ann, prebuilds_ensure_user('bob') AS bob \gset

-- A running prebuild that was created so long ago.
CREATE FUNCTION pg_temp.prebuild(preset_id uuid, name text, age interval, ready boolean DEFAULT true) RETURNS uuid
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    system constant uuid := prebuilds.system_user_id();
    version prebuilds.template_versions;
    workspace uuid;
    job uuid;
    resource uuid;
BEGIN
    SELECT v.* INTO version FROM prebuilds.template_versions v
    JOIN prebuilds.template_version_presets p ON p.template_version_id = v.id WHERE p.id = preset_id;
    INSERT INTO prebuilds.workspaces (created_at, owner_id, organization_id, template_id, name)
    VALUES (now() - age, system, version.organization_id, version.template_id, name) RETURNING id INTO workspace;
    INSERT INTO prebuilds.provisioner_jobs (created_at, organization_id, initiator_id, started_at, completed_at)
    VALUES (now() - age, version.organization_id, system, now() - age, now() - age) RETURNING id INTO job;
    INSERT INTO prebuilds.workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id,
                                            job_id, template_version_preset_id, provisioner_state)
    VALUES (workspace, version.id, 1, 'start', system, job, preset_id, 'made before');
    INSERT INTO prebuilds.workspace_build_parameters (workspace_build_id, name, value)
    SELECT b.id, v.name, v.value FROM prebuilds.workspace_builds b
    CROSS JOIN (VALUES ('size', 's'), ('region', 'eu')) AS v (name, value) WHERE b.job_id = job;
    INSERT INTO prebuilds.workspace_resources (job_id, transition, type, name)
    VALUES (job, 'start', 'vm', 'main') RETURNING id INTO resource;
    INSERT INTO prebuilds.workspace_agents (resource_id, name, lifecycle_state)
    VALUES (resource, 'main', CASE WHEN ready THEN 'ready' ELSE 'starting' END::prebuilds.workspace_agent_lifecycle_state);
    RETURN workspace;
END $$;

-- What a statement is refused with; args fill its %L.
CREATE FUNCTION pg_temp.refused(statement text, VARIADIC args text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE format(statement, VARIADIC args);
    RETURN 'not refused';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', SQLSTATE || ': ' || message, 'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END $$;
