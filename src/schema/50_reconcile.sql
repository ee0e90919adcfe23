-- What the reconciler reads: an operator's views show what it finds and decides from. And its functions.

CREATE FUNCTION prebuilds.find_active_presets() RETURNS TABLE (id uuid, desired_instances integer)
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_find_active_presets';
COMMENT ON FUNCTION prebuilds.find_active_presets() IS
    'The prebuild configurations of active versions of templates that are neither deleted nor deprecated: found from the '
    'templates, so that old versions cost nothing';
CREATE VIEW prebuilds.active_presets AS
SELECT p.*
  FROM prebuilds.find_active_presets() AS a
 CROSS JOIN LATERAL (
       SELECT lp.*
         FROM prebuilds.template_version_presets AS lp
        WHERE lp.id = a.id
       OFFSET 0) AS p;
COMMENT ON VIEW prebuilds.active_presets IS
    'What prebuilds.find_active_presets() finds, which whoever is to read this needs EXECUTE on';

CREATE FUNCTION prebuilds.count_pools()
    RETURNS TABLE (preset_id uuid, running integer, starting integer, pending integer, failed_starts integer,
                   oldest_running timestamptz, oldest timestamptz)
    LANGUAGE c STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'prebuilds_count_pools';
COMMENT ON FUNCTION prebuilds.count_pools() IS
    'Counts all live prebuilds by preset, as their state says, the pending ones among the starting ones too; when the '
    'oldest running one was created, and the oldest of all. What a sweep decides from';
CREATE VIEW prebuilds.pools AS
SELECT p.preset_id, p.running, p.starting, p.pending, p.failed_starts, p.oldest_running, p.oldest
  FROM prebuilds.count_pools() AS p;
COMMENT ON VIEW prebuilds.pools IS
    'Live prebuilds by preset. Whoever is to read it needs EXECUTE on prebuilds.count_pools() too';

CREATE VIEW prebuilds.organizations_with_prebuilds AS
SELECT o.id AS organization_id,
       o.name AS organization_name,
       EXISTS (SELECT FROM prebuilds.organization_members AS m
                WHERE m.organization_id = o.id
                  AND m.user_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid) AS has_prebuild_user,
       g.id AS prebuilds_group_id,
       EXISTS (SELECT FROM prebuilds.group_members AS gm
                WHERE gm.group_id = g.id
                  AND gm.user_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid) AS has_prebuild_user_in_group
  FROM prebuilds.organizations AS o
  LEFT JOIN prebuilds.groups AS g ON g.organization_id = o.id AND g.name = 'coderprebuiltworkspaces'
 CROSS JOIN LATERAL (
       SELECT
         FROM prebuilds.templates AS t
        CROSS JOIN LATERAL (
              SELECT lv.id FROM prebuilds.template_versions AS lv WHERE lv.template_id = t.id OFFSET 0) AS v
        CROSS JOIN LATERAL (
              SELECT FROM prebuilds.template_version_presets AS lp
               WHERE lp.template_version_id = v.id AND lp.desired_instances IS NOT NULL
               LIMIT 1) AS p
        WHERE t.organization_id = o.id
        LIMIT 1) AS first_configuration
 WHERE NOT o.deleted;
COMMENT ON VIEW prebuilds.organizations_with_prebuilds IS
    'Organizations in which a preset of any version has prebuilds, and what of the prebuilds user''s membership is there';

-- Called for many rows, so it is written to be inlined: of a set, and without settings of its own. Else a pass would run
-- a statement for each preset.
CREATE FUNCTION prebuilds.live_provisioners(organization_id uuid, provisioner text, tags jsonb, seen_since timestamptz)
    RETURNS SETOF uuid
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT d.id
      FROM prebuilds.provisioner_daemons AS d
     WHERE d.organization_id = live_provisioners.organization_id
       AND live_provisioners.provisioner = ANY (d.provisioners)
       AND d.last_seen_at >= seen_since
       AND CASE WHEN live_provisioners.tags = '{"scope": "organization", "owner": ""}'
                THEN prebuilds.normalized_tags(d.tags) = live_provisioners.tags
                ELSE live_provisioners.tags <@ prebuilds.normalized_tags(d.tags)
           END;
END;
COMMENT ON FUNCTION prebuilds.live_provisioners(uuid, text, jsonb, timestamptz) IS
    'The provisioners that may take such a job and have been seen since; tags normalised';

CREATE FUNCTION @extschema@.prebuilds_reconcile_all(as_of timestamptz DEFAULT NULL)
    RETURNS TABLE (elapsed interval, presets_total integer, presets_reconciled integer, created integer,
                   deleted integer, canceled integer, conflicts integer, errors integer, lock_acquired boolean,
                   paused boolean)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_reconcile_all';
COMMENT ON FUNCTION @extschema@.prebuilds_reconcile_all(timestamptz) IS
    'One pass over all presets, in the caller''s transaction, which holds the pass''s lock until it ends. One row: how '
    'long it took; configurations that could not be skipped, and those acted on; prebuilds created, deleted and '
    'canceled; rows that somebody else changed meanwhile (conflicts); presets left out because of an error. '
    'lock_acquired = false: another pass runs, nothing was done; paused = true: paused, held or disabled. '
    'as_of decides for another instant and needs the operator set. Errors: 22023 (as_of infinite), 42501';

CREATE FUNCTION @extschema@.prebuilds_reconcile_preset(preset_id uuid, as_of timestamptz DEFAULT NULL)
    RETURNS TABLE (elapsed interval, presets_total integer, presets_reconciled integer, created integer,
                   deleted integer, canceled integer, conflicts integer, errors integer, lock_acquired boolean,
                   paused boolean)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_reconcile_preset';
COMMENT ON FUNCTION @extschema@.prebuilds_reconcile_preset(uuid, timestamptz) IS
    'One pass over one preset, and over its organization''s membership; returns as prebuilds_reconcile_all. Errors: '
    'P0002 (unknown preset), 22023 (NULL, as_of infinite), 42501';

CREATE FUNCTION @extschema@.prebuilds_plan(as_of timestamptz DEFAULT NULL)
    RETURNS TABLE (organization_name text, template_name text, template_version_name text, preset_name text,
                   preset_id uuid, action text, cause text, count integer, workspace_ids uuid[], reason text,
                   retry_at timestamptz)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_plan';
COMMENT ON FUNCTION @extschema@.prebuilds_plan(timestamptz) IS
    'What a pass would do now, by the pass''s own code, and what it would withhold and why: action cancel_pending, '
    'delete, create, backoff or withhold; count is what it would write; workspace_ids oldest first. Writes nothing. '
    'Errors: 22023 (as_of infinite), 42501';

CREATE FUNCTION @extschema@.prebuilds_status(as_of timestamptz DEFAULT NULL)
    RETURNS TABLE (organization_name text, template_name text, template_version_name text, preset_name text,
                   preset_id uuid, active boolean, desired integer, desired_source text, actual integer,
                   eligible integer, expired integer, extraneous integer, starting integer, stopping integer,
                   deleting integer, pending_non_active integer, failed integer, parked integer,
                   prebuild_status text, num_failed integer, backoff_until timestamptz,
                   problem text)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_status';
COMMENT ON FUNCTION @extschema@.prebuilds_status(timestamptz) IS
    'One row per prebuild configuration that is active or has anything left, counted and decided as a pass does; '
    'problem says why the pool is not as desired. Errors: 22023 (as_of infinite), 42501';

CREATE FUNCTION @extschema@.prebuilds_org_status()
    RETURNS TABLE (organization_id uuid, organization_name text, has_prebuild_user boolean, prebuilds_group_id uuid,
                   has_prebuild_user_in_group boolean)
    LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.organization_id, s.organization_name, s.has_prebuild_user, s.prebuilds_group_id,
           s.has_prebuild_user_in_group
      FROM prebuilds.organizations_with_prebuilds AS s
     ORDER BY s.organization_name, s.organization_id
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_org_status() IS
    'One row per organization with prebuilds: whether the prebuilds user is a member, whether the group '
    'coderprebuiltworkspaces exists, and whether the user is in it';

CREATE FUNCTION @extschema@.prebuilds_reconcile_membership()
    RETURNS TABLE (organization_id uuid, organization_name text, member_added boolean, group_added boolean,
                   group_member_added boolean)
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'prebuilds_reconcile_membership';
COMMENT ON FUNCTION @extschema@.prebuilds_reconcile_membership() IS
    'Makes the prebuilds user a member of every organization with prebuilds, with its quota group; one row per '
    'organization changed, none when all is in place';
