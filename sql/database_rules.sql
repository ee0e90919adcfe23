-- What one prebuild, in every state there is, makes eight passes do: for the active version, for one that is not, and
-- for templates that are deprecated or deleted. Unrelated workspaces are always there.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all

-- What became of the pool after each of the passes, and put back as it was. One word if it was the same after each.
CREATE FUNCTION fixture.after_eight_passes(transition text, status text, situation text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    prebuild uuid;
    outcomes text[];
BEGIN
    CALL fixture.web();
    CALL fixture.preset('p', desired => 1);
    prebuild := fixture.prebuild(transition, status);
    CALL fixture.antagonists();
    CASE situation
    WHEN 'active' THEN NULL;
    WHEN 'inactive' THEN CALL fixture.version('v2');
    WHEN 'deprecated' THEN UPDATE templates SET deprecated = 'use web2' WHERE name = 'web';
    WHEN 'deleted' THEN UPDATE templates SET deleted = true WHERE name = 'web';
    END CASE;
    FOR n IN 1 .. 8 LOOP
        PERFORM FROM prebuilds_reconcile_all(fixture.noon() + n * interval '15 seconds');
        outcomes := outcomes || concat_ws(', ',
            CASE fixture.new_prebuilds() WHEN 0 THEN NULL ELSE fixture.new_prebuilds() || ' new' END,
            (SELECT concat_ws(', ', CASE WHEN first.job_status = 'canceled' AND first.canceled_at = first.completed_at THEN 'canceled' END,
                                    CASE WHEN w.deleted THEN 'gone' ELSE 'deleting' END)
               FROM workspaces w
               JOIN workspace_builds b ON b.workspace_id = w.id AND b.build_number = 2 AND b.transition = 'delete'
               JOIN workspace_builds b1 ON b1.workspace_id = w.id AND b1.build_number = 1
               JOIN provisioner_jobs first ON first.id = b1.job_id
              WHERE w.id = prebuild),
            (SELECT 'antagonist touched' FROM workspaces w JOIN workspace_builds b ON b.workspace_id = w.id
              WHERE w.name ~ '^antagonist' AND (w.deleted OR b.created_at >= fixture.noon()) LIMIT 1));
    END LOOP;
    RAISE EXCEPTION USING MESSAGE = coalesce(nullif(outcomes[1], ''), '-')
        || CASE WHEN outcomes[1] = ALL (outcomes) THEN '' ELSE ' then ' || array_to_string(outcomes[2:], ' | ') END,
        ERRCODE = 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN SQLERRM;
END
$$;

SELECT transition, status, active.t AS active, inactive.t AS inactive, deprecated.t AS deprecated, deleted.t AS deleted
  FROM unnest(enum_range(NULL::workspace_transition)) AS transition,
       unnest('{pending, running, succeeded, canceling, canceled, failed}'::text[]) WITH ORDINALITY AS s (status, n),
       fixture.after_eight_passes(transition::text, status, 'active') AS active (t),
       fixture.after_eight_passes(transition::text, status, 'inactive') AS inactive (t),
       fixture.after_eight_passes(transition::text, status, 'deprecated') AS deprecated (t),
       fixture.after_eight_passes(transition::text, status, 'deleted') AS deleted (t)
 ORDER BY transition, n;

-- The new prebuild and the delete build, as they are written.
CALL fixture.web();
CALL fixture.preset('p', desired => 1);
CALL fixture.antagonists();
INSERT INTO template_version_parameters (template_version_id, name, required, default_value)
VALUES (fixture.id('v1'), 'region', true, ''), (fixture.id('v1'), 'size', false, 'small'), (fixture.id('v1'), 'image', false, 'debian');
INSERT INTO template_version_preset_parameters (template_version_preset_id, name, value)
VALUES (fixture.id('p'), 'region', 'eu'), (fixture.id('p'), 'image', 'arch');
UPDATE template_versions SET tags = '{"scope": "user", "zone": 3}' WHERE name = 'v1';
SELECT * FROM fixture.passes(2);
SELECT w.name ~ '^prebuild-[a-z2-7]{15}$' AS named, w.owner_id = system_user_id() AS owned, w.created_at, w.updated_at, w.last_used_at,
       num_nonnulls(autostart_schedule, ttl, next_start_at, dormant_at, deleting_at) AS lifecycle,
       b.created_at AS build_created_at, b.build_number, b.transition, b.initiator_id = system_user_id() AS by_system,
       b.template_version_preset_id = fixture.id('p') AS of_preset, b.template_version_id = fixture.id('v1') AS of_version
  FROM workspaces w JOIN workspace_builds b ON b.workspace_id = w.id WHERE w.name ~ '^prebuild-' \gx
SELECT j.created_at, j.job_status, j.initiator_id = system_user_id() AS by_system, j.type, j.provisioner, j.tags,
       j.input - 'workspace_build_id' AS input, (j.input ->> 'workspace_build_id')::uuid = b.id AS of_build,
       (SELECT jsonb_object_agg(name, value) FROM workspace_build_parameters WHERE workspace_build_id = b.id) AS parameters
  FROM provisioner_jobs j JOIN workspace_builds b ON b.job_id = j.id JOIN workspaces w ON w.id = b.workspace_id WHERE w.name ~ '^prebuild-' \gx
UPDATE workspace_builds SET provisioner_state = '\xcafe' WHERE created_at = fixture.noon();
CALL fixture.provision(fixture.noon() + interval '1 hour');
CALL fixture.version('v2');
SELECT * FROM fixture.passes(2, fixture.noon() + interval '2 hours');
SELECT b.build_number, b.transition, b.created_at, b.initiator_id = system_user_id() AS by_system, b.provisioner_state, j.job_status,
       b.template_version_preset_id = fixture.id('p') AS of_preset, b.template_version_id = fixture.id('v1') AS of_version,
       j.input - 'workspace_build_id' AS input, j.tags,
       (SELECT jsonb_object_agg(name, value) FROM workspace_build_parameters WHERE workspace_build_id = b.id) AS parameters
  FROM workspace_builds b JOIN provisioner_jobs j ON j.id = b.job_id JOIN workspaces w ON w.id = b.workspace_id
 WHERE w.name ~ '^prebuild-' AND b.build_number = 2 \gx

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
