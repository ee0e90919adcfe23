-- Types, with Coder's names and values, and the definitions that several areas share.

CREATE TYPE prebuilds.workspace_transition AS ENUM ('start', 'stop', 'delete');

CREATE TYPE prebuilds.provisioner_job_status AS ENUM
    ('pending', 'running', 'succeeded', 'canceling', 'canceled', 'failed', 'unknown');

CREATE TYPE prebuilds.provisioner_job_type AS ENUM
    ('template_version_import', 'workspace_build', 'template_version_dry_run');

CREATE TYPE prebuilds.workspace_agent_lifecycle_state AS ENUM
    ('created', 'starting', 'start_timeout', 'start_error', 'ready',
     'shutting_down', 'shutdown_timeout', 'shutdown_error', 'off');

CREATE TYPE prebuilds.prebuild_status AS ENUM ('healthy', 'hard_limited', 'validation_failed');
COMMENT ON TYPE prebuilds.prebuild_status IS
    'What a reconciliation found out about a preset: healthy; hard_limited (its newest builds all failed); '
    'validation_failed (no workspace can be created from it). Both hold back creates and nothing else';

CREATE TYPE prebuilds.build_reason AS ENUM
    ('initiator', 'autostart', 'autostop', 'dormancy', 'autodelete',
     'dashboard', 'cli', 'ssh_connection', 'vscode_connection', 'jetbrains_connection');

CREATE FUNCTION prebuilds.system_user_id() RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid;
COMMENT ON FUNCTION prebuilds.system_user_id() IS
    'The prebuilds user: owner of every prebuilt workspace until it is claimed';

-- A tag set that is not an object, or has a value that is not text, is no reason to refuse a job: it is read as
-- far as it can be.
CREATE FUNCTION prebuilds.rewritten_tags(tags jsonb, owner text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (
        WITH given AS (
            SELECT e.key, coalesce(e.value, '') AS value
            FROM jsonb_each_text(CASE WHEN jsonb_typeof(rewritten_tags.tags) = 'object'
                                      THEN rewritten_tags.tags ELSE '{}' END) AS e
        ), completed AS (
            SELECT jsonb_build_object('scope', 'organization', 'owner', '')
                || coalesce(jsonb_object_agg(given.key, given.value), '{}') AS tags
            FROM given
        )
        SELECT CASE WHEN completed.tags ->> 'scope' = 'user' AND rewritten_tags.owner <> ''
                    THEN completed.tags || jsonb_build_object('owner', rewritten_tags.owner)
                    ELSE completed.tags
               END
        FROM completed
    );
COMMENT ON FUNCTION prebuilds.rewritten_tags(jsonb, text) IS
    'The long way of prebuilds.normalized_tags, which is the one to call';

-- Two functions, because PostgreSQL inlines this one: a job with the usual tags costs one comparison.
CREATE FUNCTION prebuilds.normalized_tags(tags jsonb, owner text DEFAULT '') RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN tags OPERATOR(pg_catalog.=) '{"scope": "organization", "owner": ""}'::pg_catalog.jsonb
                THEN tags
                ELSE prebuilds.rewritten_tags(tags, owner)
           END;
COMMENT ON FUNCTION prebuilds.normalized_tags(jsonb, text) IS
    'A tag set as it is stored and matched: scope (default organization) and owner (default empty) always present, '
    'all values text. With scope user the owner is the given one, where one is given';
