-- Data to measure with, in a schema of its own; run in a database that has the extension, as superuser:
--
--   CALL bench.generate(templates => 100, versions => 31, live => 20000, deleted => 10000);
--
-- The same arguments make the same rows, but for the day: everything is dated back from now, so that nothing has
-- expired or backs off. Rows come by plain INSERTs with triggers and foreign keys off; derived tables are rebuilt
-- afterwards. Ids sort by their number, as those of version 7 sort by time, and before all that the extension makes.
CREATE SCHEMA bench;

-- The n-th id of a kind, n milliseconds after the beginning of 2020: version, kind and variant, then random bits.
CREATE FUNCTION bench.id(kind text, n bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('0' || to_hex(1577836800000 + n) || '7' || substr(md5(kind), 1, 3)
            || to_hex(hashint8extended(n, hashtext(kind)) & 4611686018427387903 | (-9223372036854775808)))::uuid;

CREATE FUNCTION bench.organization() RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN bench.id('organization', 1);
CREATE FUNCTION bench.version(template bigint, version bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN bench.id('version', version * 1000000 + template);
CREATE FUNCTION bench.preset(template bigint, version bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN bench.id('preset', version * 1000000 + template);
CREATE FUNCTION bench.person(n bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN bench.id('person', 1 + n % 1000);

-- Triggers -----------------------------------------------------------------------------------------------------------

-- Those that are off now, with the mode they had: ENABLE TRIGGER forgets ENABLE ALWAYS and ENABLE REPLICA.
CREATE TABLE bench.disabled_triggers (relation regclass, name text, mode "char");

CREATE PROCEDURE bench.disable_triggers()
    LANGUAGE plpgsql AS $$
DECLARE
    t record;
BEGIN
    FOR t IN
        INSERT INTO bench.disabled_triggers
        SELECT g.tgrelid, g.tgname, g.tgenabled
          FROM pg_trigger AS g
          JOIN pg_class AS c ON c.oid = g.tgrelid
         WHERE c.relnamespace = 'prebuilds'::regnamespace AND NOT g.tgisinternal AND g.tgenabled <> 'D'
        RETURNING *
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', t.relation, t.name);
    END LOOP;
END
$$;

CREATE PROCEDURE bench.enable_triggers()
    LANGUAGE plpgsql AS $$
DECLARE
    t record;
BEGIN
    FOR t IN DELETE FROM bench.disabled_triggers RETURNING * LOOP
        EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', t.relation,
                       CASE t.mode WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' ELSE '' END, t.name);
    END LOOP;
END
$$;

-- Around every load: fast, with the derived tables right in the end. Builds are written with the right `open`. With
-- bench.keep_triggers = on no table is altered, so that sessions keep the plans they have.
CREATE PROCEDURE bench.begin_load()
    LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('bench.keep_triggers', true) IS DISTINCT FROM 'on' THEN
        CALL bench.disable_triggers();
    END IF;
    PERFORM set_config('session_replication_role', 'replica', true);
END
$$;

CREATE PROCEDURE bench.end_load()
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('session_replication_role', 'origin', true);
    CALL bench.enable_triggers();
    PERFORM prebuilds.rebuild_live_prebuilds();
    PERFORM prebuilds.rebuild_job_queues();
END
$$;

-- Rows ---------------------------------------------------------------------------------------------------------------

-- Every version of templates first to last, numbered in the order of their age.
CREATE FUNCTION bench.all_versions(first integer, last integer, versions integer)
    RETURNS TABLE (t integer, v integer, n bigint, created_at timestamptz)
    LANGUAGE sql STABLE AS $$
    SELECT t, v, v * 1000000::bigint + t, now() - interval '1 year' * (versions - v + 1) / versions
      FROM generate_series(1, versions) AS v, generate_series(first, last) AS t
$$;

-- Templates first to last of the organization "bench", each with versions of one preset; the last version is active.
-- A build has three parameters: two that the preset sets, one that the version has a default for.
CREATE PROCEDURE bench.add_templates(first integer, last integer, versions integer, desired integer)
    LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_load();
    INSERT INTO prebuilds.organizations (id, name) VALUES (bench.organization(), 'bench')
    ON CONFLICT DO NOTHING;
    INSERT INTO prebuilds.users (id, username, email)
    SELECT bench.person(n), 'person-' || n, 'person-' || n || '@example.com' FROM generate_series(0, 999) AS n
    ON CONFLICT DO NOTHING;

    INSERT INTO prebuilds.templates (id, created_at, organization_id, name, active_version_id)
    SELECT bench.id('template', t), now() - interval '1 year', bench.organization(), 'template-' || t,
           bench.version(t, versions)
      FROM generate_series(first, last) AS t;
    INSERT INTO prebuilds.template_versions (id, created_at, template_id, organization_id, name)
    SELECT bench.version(a.t, a.v), a.created_at, bench.id('template', a.t), bench.organization(), 'v' || a.v
      FROM bench.all_versions(first, last, versions) AS a;
    INSERT INTO prebuilds.template_version_parameters (id, template_version_id, name, type, required, default_value)
    SELECT bench.id('parameter ' || p.name, a.n), bench.version(a.t, a.v), p.name, 'string', false, 'default'
      FROM bench.all_versions(first, last, versions) AS a, unnest('{region,size,image}'::text[]) AS p (name);

    INSERT INTO prebuilds.template_version_presets (id, created_at, template_version_id, name, desired_instances)
    SELECT bench.preset(a.t, a.v), a.created_at, bench.version(a.t, a.v), 'preset', desired
      FROM bench.all_versions(first, last, versions) AS a;
    INSERT INTO prebuilds.template_version_preset_parameters (id, template_version_preset_id, name, value)
    SELECT bench.id('preset parameter ' || p.name, a.n), bench.preset(a.t, a.v), p.name, p.value
      FROM bench.all_versions(first, last, versions) AS a,
           (VALUES ('region', 'europe'), ('size', 'large')) AS p (name, value);
    CALL bench.end_load();
END
$$;

-- The last year's workspaces: of people, live and deleted, and prebuilds that were deleted unclaimed, one to ten of
-- the deleted workspaces. Builds come in rounds over all workspaces, so that those of one workspace lie apart, as in
-- life: started, stopped, started …, in the end running or deleted. Half of people's workspaces were claimed. `batch`
-- numbers what is loaded, here and below: no two loads of a kind into a database may have the same.
CREATE FUNCTION bench.past_builds(templates integer, versions integer, live integer, deleted integer, builds integer,
                                  batch integer)
    RETURNS TABLE (n bigint, w bigint, b integer, t integer, v integer, prebuild boolean, latest boolean,
                   gone boolean, transition prebuilds.workspace_transition, initiator_id uuid,
                   created_at timestamptz)
    LANGUAGE sql STABLE AS $$
    SELECT first + (b - 1) * total::bigint + w, first + w, b, 1 + w % templates, 1 + (b - 1) * (versions - 1) / greatest(builds - 1, 1),
           x.prebuild, x.latest, x.gone,
           CASE WHEN x.latest AND x.gone THEN 'delete'
                WHEN x.latest OR b % 2 = 1 THEN 'start'
                ELSE 'stop' END::prebuilds.workspace_transition,
           CASE WHEN x.prebuild OR b = 1 AND w % 2 = 0 THEN prebuilds.system_user_id() ELSE bench.person(w) END,
           now() - interval '1 year' * (1 - ((b - 1) * total::double precision + w) / (builds * total + 1)) - interval '1 hour'
      FROM (VALUES (live + deleted + deleted / 10, batch * 100000000::bigint)) AS s (total, first),
           generate_series(1, builds) AS b,
           generate_series(1, total) AS w,
           LATERAL (SELECT w > live + deleted AS prebuild, w > live AS gone,
                           b = CASE WHEN w > live + deleted THEN least(builds, 2) ELSE builds END AS latest) AS x
     WHERE NOT x.prebuild OR b <= 2
$$;

CREATE PROCEDURE bench.add_history(templates integer, versions integer, live integer, deleted integer,
                                   builds integer DEFAULT 5, batch integer DEFAULT 0)
    LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.begin_load();
    INSERT INTO prebuilds.workspaces (id, created_at, updated_at, owner_id, organization_id, template_id, name, deleted)
    SELECT bench.id('workspace', p.w), p.created_at, p.created_at,
           CASE WHEN p.prebuild THEN prebuilds.system_user_id() ELSE bench.person(p.w) END, bench.organization(),
           bench.id('template', p.t), 'workspace-' || p.w, p.gone
      FROM bench.past_builds(templates, versions, live, deleted, builds, batch) AS p
     WHERE p.b = 1;
    INSERT INTO prebuilds.provisioner_jobs (id, created_at, updated_at, started_at, completed_at, organization_id,
                                            initiator_id, input, worker_id)
    SELECT bench.id('job', p.n), p.created_at, p.created_at + interval '2 min', p.created_at + interval '1 s',
           p.created_at + interval '2 min', bench.organization(), p.initiator_id,
           jsonb_build_object('workspace_build_id', bench.id('build', p.n)), bench.id('daemon', 1)
      FROM bench.past_builds(templates, versions, live, deleted, builds, batch) AS p;
    INSERT INTO prebuilds.workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
                                            transition, initiator_id, job_id, template_version_preset_id)
    SELECT bench.id('build', p.n), p.created_at, p.created_at, bench.id('workspace', p.w), bench.version(p.t, p.v), p.b,
           p.transition, p.initiator_id, bench.id('job', p.n), bench.preset(p.t, p.v)
      FROM bench.past_builds(templates, versions, live, deleted, builds, batch) AS p;
    INSERT INTO prebuilds.workspace_build_parameters (id, workspace_build_id, name, value)
    SELECT bench.id('value ' || v.name, p.n), bench.id('build', p.n), v.name, v.value
      FROM bench.past_builds(templates, versions, live, deleted, builds, batch) AS p,
           (VALUES ('region', 'europe'), ('size', 'large'), ('image', 'default')) AS v (name, value);
    INSERT INTO prebuilds.workspace_resources (id, created_at, job_id, transition, type, name)
    SELECT bench.id('resource', p.n), p.created_at, bench.id('job', p.n), p.transition, 'container', 'main'
      FROM bench.past_builds(templates, versions, live, deleted, builds, batch) AS p;
    INSERT INTO prebuilds.workspace_agents (id, created_at, resource_id, name, lifecycle_state, deleted)
    SELECT bench.id('agent', p.n), p.created_at, bench.id('resource', p.n), 'main', 'ready', p.gone OR NOT p.latest
      FROM bench.past_builds(templates, versions, live, deleted, builds, batch) AS p;
    INSERT INTO prebuilds.provisioner_job_logs (job_id, created_at, line)
    SELECT bench.id('job', p.n), p.created_at, 'done'
      FROM bench.past_builds(templates, versions, live, deleted, builds, batch) AS p
     WHERE p.b = 1;
    INSERT INTO prebuilds.prebuild_events (id, created_at, preset_id, event_type)
    SELECT bench.id('event', p.n), p.created_at, bench.preset(p.t, p.v), 'claim_succeeded'
      FROM bench.past_builds(templates, versions, live, deleted, builds, batch) AS p
     WHERE p.b = 1 AND p.initiator_id = prebuilds.system_user_id() AND NOT p.prebuild;
    CALL bench.end_load();
END
$$;

-- Prebuilds of the presets of one version of templates first to last, `each` for every preset and made within the last
-- hour: ready to be claimed, or pending in the queue, where their tags are spread over `tag_sets` sets that a daemon
-- without tags cannot serve (0: no tags).
CREATE PROCEDURE bench.add_prebuilds(first integer, last integer, version integer, each integer, batch integer,
                                     pending boolean DEFAULT false, tag_sets integer DEFAULT 0)
    LANGUAGE plpgsql AS $$
DECLARE
    total constant integer := (last - first + 1) * each;
    first_id constant bigint := batch * 100000000::bigint;
BEGIN
    CALL bench.begin_load();
    INSERT INTO prebuilds.workspaces (id, created_at, updated_at, owner_id, organization_id, template_id, name)
    SELECT bench.id('workspace', first_id + n), now() - interval '1 hour' * (total - n + 1) / total, now(),
           prebuilds.system_user_id(), bench.organization(), bench.id('template', first + n % (last - first + 1)),
           'prebuild-' || first_id + n
      FROM generate_series(1, total) AS n;
    INSERT INTO prebuilds.provisioner_jobs (id, created_at, updated_at, started_at, completed_at, organization_id,
                                            initiator_id, input, tags, worker_id)
    SELECT bench.id('job', first_id + n), made.at, made.at, CASE WHEN NOT pending THEN made.at END,
           CASE WHEN NOT pending THEN made.at END, bench.organization(), prebuilds.system_user_id(),
           jsonb_build_object('workspace_build_id', bench.id('build', first_id + n), 'prebuilt_workspace_stage', 'create'),
           '{"scope": "organization", "owner": ""}'
               || CASE WHEN tag_sets > 0 THEN jsonb_build_object('zone', (n % tag_sets)::text) ELSE '{}' END,
           CASE WHEN NOT pending THEN bench.id('daemon', 1) END
      FROM generate_series(1, total) AS n, LATERAL (SELECT now() - interval '1 hour' * (total - n + 1) / total) AS made (at);
    INSERT INTO prebuilds.workspace_builds (id, created_at, updated_at, workspace_id, template_version_id, build_number,
                                            transition, initiator_id, job_id, template_version_preset_id, open)
    SELECT bench.id('build', first_id + n), made.at, made.at, bench.id('workspace', first_id + n), bench.version(made.t, version),
           1, 'start', prebuilds.system_user_id(), bench.id('job', first_id + n), bench.preset(made.t, version), pending
      FROM generate_series(1, total) AS n,
           LATERAL (SELECT now() - interval '1 hour' * (total - n + 1) / total, first + n % (last - first + 1)) AS made (at, t);
    INSERT INTO prebuilds.workspace_build_parameters (id, workspace_build_id, name, value)
    SELECT bench.id('value ' || v.name, first_id + n), bench.id('build', first_id + n), v.name, v.value
      FROM generate_series(1, total) AS n,
           (VALUES ('region', 'europe'), ('size', 'large'), ('image', 'default')) AS v (name, value);
    IF NOT pending THEN
        INSERT INTO prebuilds.workspace_resources (id, job_id, transition, type, name)
        SELECT bench.id('resource', first_id + n), bench.id('job', first_id + n), 'start', 'container', 'main'
          FROM generate_series(1, total) AS n;
        INSERT INTO prebuilds.workspace_agents (id, resource_id, name, lifecycle_state)
        SELECT bench.id('agent', first_id + n), bench.id('resource', first_id + n), 'main', 'ready'
          FROM generate_series(1, total) AS n;
    END IF;
    CALL bench.end_load();
END
$$;

-- Templates with pools that are as desired, and a past.
CREATE PROCEDURE bench.generate(templates integer, versions integer DEFAULT 1, desired integer DEFAULT 5,
                                live integer DEFAULT 0, deleted integer DEFAULT 0, builds integer DEFAULT 5)
    LANGUAGE plpgsql AS $$
BEGIN
    CALL bench.add_templates(1, templates, versions, desired);
    CALL bench.add_history(templates, versions, live, deleted, builds);
    CALL bench.add_prebuilds(1, templates, versions, desired, batch => 1);
    -- Membership is in place, as after any pass.
    PERFORM public.prebuilds_reconcile_membership();
END
$$;
