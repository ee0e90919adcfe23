-- What measures do inside the database.

-- Rows that a pass has created are kept, so that the same can be written again by other means.
CREATE UNLOGGED TABLE bench.kept_workspaces (LIKE prebuilds.workspaces);
CREATE UNLOGGED TABLE bench.kept_jobs AS
SELECT id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input, tags
  FROM prebuilds.provisioner_jobs;
CREATE UNLOGGED TABLE bench.kept_builds (LIKE prebuilds.workspace_builds);
CREATE UNLOGGED TABLE bench.kept_parameters (LIKE prebuilds.workspace_build_parameters);

CREATE PROCEDURE bench.keep_rows()
    LANGUAGE sql AS $$
    TRUNCATE bench.kept_workspaces, bench.kept_jobs, bench.kept_builds, bench.kept_parameters;
    INSERT INTO bench.kept_workspaces SELECT * FROM prebuilds.workspaces;
    INSERT INTO bench.kept_jobs
    SELECT id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input, tags
      FROM prebuilds.provisioner_jobs;
    INSERT INTO bench.kept_builds SELECT * FROM prebuilds.workspace_builds;
    INSERT INTO bench.kept_parameters SELECT * FROM prebuilds.workspace_build_parameters;
    ANALYZE bench.kept_workspaces, bench.kept_jobs, bench.kept_builds, bench.kept_parameters;
$$;

-- The bare multi-row INSERT: four statements, one transaction.
CREATE PROCEDURE bench.insert_kept_rows()
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO prebuilds.workspaces SELECT * FROM bench.kept_workspaces;
    INSERT INTO prebuilds.provisioner_jobs
                (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input, tags)
    SELECT * FROM bench.kept_jobs;
    INSERT INTO prebuilds.workspace_builds SELECT * FROM bench.kept_builds;
    INSERT INTO prebuilds.workspace_build_parameters SELECT * FROM bench.kept_parameters;
END
$$;

CREATE PROCEDURE bench.remove_workspaces()
    LANGUAGE sql AS $$
    TRUNCATE prebuilds.workspaces, prebuilds.workspace_builds, prebuilds.workspace_build_parameters,
             prebuilds.provisioner_jobs, prebuilds.provisioner_job_logs, prebuilds.workspace_resources,
             prebuilds.workspace_agents, prebuilds.live_prebuilds, prebuilds.resource_replacements;
$$;

-- The rows that a daemon's acquire and complete write, and nothing else: no choice, no checks, no read model that
-- follows by itself.
CREATE PROCEDURE bench.start_job(n bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    UPDATE prebuilds.provisioner_jobs AS j
       SET started_at = now(), updated_at = now(), worker_id = bench.id('daemon', 1) WHERE j.id = bench.id('job', n);
    UPDATE prebuilds.live_prebuilds AS l
       SET job_status = 'running', worker_assigned = true, state = 's' WHERE l.workspace_id = bench.id('workspace', n);
END
$$;

CREATE PROCEDURE bench.finish_job(n bigint)
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO prebuilds.workspace_resources (id, job_id, transition, type, name)
    VALUES (bench.id('resource', n), bench.id('job', n), 'start', 'container', 'main');
    INSERT INTO prebuilds.workspace_agents (id, resource_id, name)
    VALUES (bench.id('agent', n), bench.id('resource', n), 'main');
    UPDATE prebuilds.provisioner_jobs AS j SET completed_at = now(), updated_at = now() WHERE j.id = bench.id('job', n);
    UPDATE prebuilds.workspace_builds AS b SET updated_at = now(), open = false WHERE b.id = bench.id('build', n);
    UPDATE prebuilds.live_prebuilds AS l
       SET job_status = 'succeeded', job_completed_at = now(), state = 'r'
     WHERE l.workspace_id = bench.id('workspace', n);
END
$$;

-- When jobs of the prebuilds user became visible to another session, one that looks all the time. Passes come one after
-- the other, so that what is new has been created later than all before.
CREATE TABLE bench.seen_jobs (job_id uuid, created_at timestamptz, seen_at timestamptz);

CREATE PROCEDURE bench.watch_jobs(seconds double precision)
    LANGUAGE plpgsql AS $$
DECLARE
    ends_at constant timestamptz := clock_timestamp() + make_interval(secs => seconds);
    seen_until timestamptz := clock_timestamp();
BEGIN
    WHILE clock_timestamp() < ends_at LOOP
        WITH seen AS (
            INSERT INTO bench.seen_jobs
            SELECT j.id, j.created_at, clock_timestamp()
              FROM prebuilds.job_queues AS q
             CROSS JOIN LATERAL (
                   SELECT * FROM prebuilds.provisioner_jobs AS lj
                    WHERE lj.queue_key = q.queue_key
                      AND (CASE WHEN lj.initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid THEN 1 ELSE 0 END) = 1
                      AND lj.created_at > seen_until
                      AND lj.started_at IS NULL AND lj.completed_at IS NULL AND lj.canceled_at IS NULL
                   OFFSET 0) AS j
            RETURNING created_at)
        SELECT coalesce(max(seen.created_at), seen_until) INTO seen_until FROM seen;
        COMMIT;
        PERFORM pg_sleep(0.0002);
    END LOOP;
END
$$;

-- Milliseconds from the commit of each claim since an instant until its replacement was seen; NULL = never was.
CREATE FUNCTION bench.reactions(since timestamptz) RETURNS SETOF double precision
    LANGUAGE sql STABLE AS $$
    WITH committed AS (
        SELECT b.template_version_preset_id AS preset_id, pg_xact_commit_timestamp(b.xmin) AS at
          FROM prebuilds.workspace_builds AS b
         WHERE b.initiator_id <> prebuilds.system_user_id() AND b.created_at >= since
    ), claims AS (
        SELECT c.preset_id, c.at, row_number() OVER (PARTITION BY c.preset_id ORDER BY c.at) AS n FROM committed AS c
    ), replacements AS (
        SELECT b.template_version_preset_id AS preset_id, s.seen_at,
               row_number() OVER (PARTITION BY b.template_version_preset_id ORDER BY s.seen_at) AS n
          FROM bench.seen_jobs AS s
          JOIN prebuilds.workspace_builds AS b ON b.job_id = s.job_id
         WHERE s.created_at >= since
    )
    SELECT 1000 * extract(epoch FROM r.seen_at - c.at)
      FROM claims AS c
      LEFT JOIN replacements AS r USING (preset_id, n)
     ORDER BY c.at
$$;

-- What the server's clock told of one measure.
CREATE UNLOGGED TABLE bench.times (
    milliseconds double precision NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How long claims take, from the call until their commit has returned.
CREATE PROCEDURE bench.time_claims(amount integer, pools integer, version integer)
    LANGUAGE plpgsql AS $$
DECLARE
    times double precision[] := '{}';
    preset uuid;
    person uuid;
    began timestamptz;
BEGIN
    FOR n IN 1 .. amount LOOP
        preset := bench.preset(1 + floor(pools * random())::integer, version);
        person := bench.person(n);
        began := clock_timestamp();
        PERFORM prebuilds_claim(preset, person, gen_random_uuid()::text);
        COMMIT;
        times := times || (1000 * extract(epoch FROM clock_timestamp() - began))::double precision;
    END LOOP;
    INSERT INTO bench.times SELECT unnest(times);
END
$$;

-- The same for the rows that a claim writes, and nothing else, of prebuilds from a number on.
CREATE PROCEDURE bench.time_rows_of_claims(amount integer, pools integer, version integer, first bigint)
    LANGUAGE plpgsql AS $$
DECLARE
    times double precision[] := '{}';
    w bigint;
    pool integer;
    person uuid;
    build uuid;
    began timestamptz;
BEGIN
    FOR n IN 1 .. amount LOOP
        w := first + n;
        pool := 1 + w % pools;
        person := bench.person(w);
        build := bench.id('claim build', w);
        began := clock_timestamp();
        DELETE FROM prebuilds.live_prebuilds WHERE workspace_id = bench.id('workspace', w);
        UPDATE prebuilds.workspaces
           SET owner_id = person, name = gen_random_uuid()::text, updated_at = began, last_used_at = began
         WHERE id = bench.id('workspace', w);
        INSERT INTO prebuilds.provisioner_jobs (id, organization_id, initiator_id, input)
        VALUES (bench.id('claim job', w), bench.organization(), person,
                jsonb_build_object('workspace_build_id', build, 'prebuilt_workspace_stage', 'claim'));
        INSERT INTO prebuilds.workspace_builds
            (id, workspace_id, template_version_id, build_number, transition, initiator_id, job_id,
             template_version_preset_id)
        VALUES (build, bench.id('workspace', w), bench.version(pool, version), 2, 'start', person,
                bench.id('claim job', w), bench.preset(pool, version));
        INSERT INTO prebuilds.workspace_build_parameters (id, workspace_build_id, name, value)
        VALUES (bench.id('claim region', w), build, 'region', 'europe'),
               (bench.id('claim size', w), build, 'size', 'large'),
               (bench.id('claim image', w), build, 'image', 'default');
        INSERT INTO prebuilds.prebuild_events (id, preset_id, event_type)
        VALUES (bench.id('claim event', w), bench.preset(pool, version), 'claim_succeeded');
        COMMIT;
        times := times || (1000 * extract(epoch FROM clock_timestamp() - began))::double precision;
    END LOOP;
    INSERT INTO bench.times SELECT unnest(times);
END
$$;

CREATE TABLE bench.inserted (n integer);

-- How long a daemon's acquires take, from the call until their commit has returned, whether there is a job or not.
CREATE PROCEDURE bench.time_acquires(amount integer)
    LANGUAGE plpgsql AS $$
DECLARE
    daemon constant uuid := prebuilds_register_provisioner('bench', 'daemon');
    times double precision[] := '{}';
    began timestamptz;
BEGIN
    COMMIT;
    FOR n IN 1 .. amount LOOP
        began := clock_timestamp();
        PERFORM FROM prebuilds_acquire_job(daemon);
        COMMIT;
        times := times || (1000 * extract(epoch FROM clock_timestamp() - began))::double precision;
    END LOOP;
    INSERT INTO bench.times SELECT unnest(times);
END
$$;

-- The same for the rows that an acquire writes, and nothing else, of jobs from a number on.
CREATE PROCEDURE bench.time_rows_of_acquires(amount integer, first bigint)
    LANGUAGE plpgsql AS $$
DECLARE
    times double precision[] := '{}';
    began timestamptz;
BEGIN
    FOR n IN 1 .. amount LOOP
        began := clock_timestamp();
        CALL bench.start_job(first + n);
        COMMIT;
        times := times || (1000 * extract(epoch FROM clock_timestamp() - began))::double precision;
    END LOOP;
    INSERT INTO bench.times SELECT unnest(times);
END
$$;

-- CPU time of this backend until now, in nanoseconds, as the kernel counts it.
CREATE FUNCTION bench.cpu_time() RETURNS bigint
    LANGUAGE sql VOLATILE
    RETURN split_part(pg_read_file('/proc/' || pg_backend_pid() || '/schedstat'), ' ', 1)::bigint;
