-- What a claim, an acquire and a completion read does not grow with history, with and without statistics.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
SELECT pg_temp.prebuild(:'small', 'prebuild-' || n, n * interval '1 minute') IS NOT NULL AS made FROM generate_series(1, 10) AS n \g /dev/null

-- History: 1,000 workspaces of ann's with five builds each, pending jobs in 50 queues that the daemon does not serve.
CREATE TABLE pg_temp.history AS
SELECT w, n, gen_random_uuid() AS job, gen_random_uuid() AS resource FROM (SELECT gen_random_uuid() AS w FROM generate_series(1, 1000)) AS g, generate_series(1, 5) AS n;
INSERT INTO prebuilds.workspaces (id, owner_id, organization_id, template_id, name)
SELECT DISTINCT h.w, :'ann'::uuid, t.organization_id, t.id, h.w::text FROM pg_temp.history h, prebuilds.templates t;
INSERT INTO prebuilds.provisioner_jobs (id, organization_id, initiator_id, started_at, completed_at)
SELECT h.job, t.organization_id, :'ann', now(), now() FROM pg_temp.history h, prebuilds.templates t;
INSERT INTO prebuilds.workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
SELECT h.w, :'version', h.n, 'start', :'ann', h.job, :'small' FROM pg_temp.history h;
INSERT INTO prebuilds.workspace_build_parameters (workspace_build_id, name, value)
SELECT b.id, v.name, 'x' FROM prebuilds.workspace_builds b, unnest('{size,region}'::text[]) AS v (name) ON CONFLICT DO NOTHING;
INSERT INTO prebuilds.workspace_resources (id, job_id, transition, name) SELECT h.resource, h.job, 'start', 'main' FROM pg_temp.history h;
INSERT INTO prebuilds.workspace_agents (resource_id, name, deleted) SELECT h.resource, 'main', h.n < 5 FROM pg_temp.history h;
INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id, tags)
SELECT t.organization_id, :'ann', jsonb_build_object('zone', n % 50) FROM generate_series(1, 5000) AS n, prebuilds.templates t;

-- The rows of all tables that a statement reads, and those that it reads by scanning a table.
CREATE FUNCTION pg_temp.rows_read(OUT total bigint, OUT scanned bigint) LANGUAGE sql AS $$
    SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)),
           sum(seq_tup_read) FILTER (WHERE relname IN ('workspaces', 'workspace_builds', 'workspace_build_parameters', 'workspace_resources',
                                                       'workspace_agents', 'provisioner_jobs', 'live_prebuilds', 'prebuild_events'))
    FROM pg_stat_xact_user_tables WHERE schemaname = 'prebuilds'
$$;
CREATE FUNCTION pg_temp.cost_of(statement text, OUT result text, OUT few boolean, OUT scanned bigint) LANGUAGE plpgsql AS $$
DECLARE
    before record;
    after record;
BEGIN
    before := pg_temp.rows_read();
    EXECUTE statement INTO result;
    after := pg_temp.rows_read();
    few := after.total - before.total < 150;
    scanned := after.scanned - before.scanned;
END $$;

CREATE FUNCTION pg_temp.costs(preset uuid, owner uuid, daemon uuid) RETURNS TABLE (what text, result text, few boolean, scanned bigint) LANGUAGE plpgsql AS $$
DECLARE
    job uuid;
    name constant text := gen_random_uuid();
BEGIN
    RETURN QUERY SELECT 'claim', c.result IS NOT NULL || '', c.few, c.scanned
        FROM pg_temp.cost_of(format('SELECT prebuilds_claim(%L, %L, %L)', preset, owner, name)) AS c;
    RETURN QUERY SELECT 'acquire', c.result IS NOT NULL || '', c.few, c.scanned
        FROM pg_temp.cost_of(format('SELECT job_id FROM prebuilds_acquire_job(%L)', daemon)) AS c;
    SELECT j.id INTO job FROM prebuilds.provisioner_jobs j WHERE j.worker_id = daemon AND j.completed_at IS NULL;
    RETURN QUERY SELECT 'complete', c.result, c.few, c.scanned
        FROM pg_temp.cost_of(format($q$SELECT cardinality(prebuilds_complete_job(%L, %L, NULL, '[{"type": "vm", "name": "main", "agents": [{"name": "main"}]}]'))$q$, job, daemon)) AS c;
    RETURN QUERY SELECT 'reap', c.result, c.few, c.scanned
        FROM pg_temp.cost_of('SELECT count(*) FROM prebuilds_reap_jobs()') AS c;
END $$;
-- More often than plans are made anew for the values at hand.
SELECT what, result, bool_and(few) AS few, sum(scanned) AS scanned, count(*)
FROM generate_series(1, 8) AS n, LATERAL (SELECT n, c.* FROM pg_temp.costs(:'small', :'ann', :'daemon') AS c) AS c
GROUP BY what, result ORDER BY what;
ANALYZE prebuilds.workspaces, prebuilds.workspace_builds, prebuilds.workspace_build_parameters, prebuilds.workspace_resources,
    prebuilds.workspace_agents, prebuilds.provisioner_jobs, prebuilds.live_prebuilds, prebuilds.job_queues;
SELECT * FROM pg_temp.costs(:'small', :'ann', :'daemon') ORDER BY what;

DROP EXTENSION pg_prebuilds;
