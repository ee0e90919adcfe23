-- A step of a prebuild's job writes no index of the read model: its rows have room for a new version beside the old one,
-- and what the index of claims says is not all that they ask for.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
SELECT created > 0 AS created FROM prebuilds_reconcile_all();
BEGIN;
CREATE FUNCTION pg_temp.updates(OUT updates bigint, OUT without_index_entries bigint)
    LANGUAGE sql VOLATILE
    RETURN (pg_stat_get_xact_tuples_updated('prebuilds.live_prebuilds'::regclass),
            pg_stat_get_xact_tuples_hot_updated('prebuilds.live_prebuilds'::regclass));
SELECT job_id AS job FROM prebuilds_acquire_job(:'daemon') \gset
SELECT * FROM pg_temp.updates();
SELECT unnest(prebuilds_complete_job(:'job', :'daemon', NULL, '[{"type": "vm", "name": "main", "agents": [{"name": "main"}]}]')) AS agent \gset
SELECT * FROM pg_temp.updates();

-- That it is ready does: a claim finds it.
SELECT prebuilds_report_agent(:'agent', 'ready') AS changed;
SELECT * FROM pg_temp.updates();

-- To be ready is not all: what was canceled and got ready all the same is passed over.
SELECT workspace_id AS second, job_id AS second_job FROM prebuilds.live_prebuilds WHERE NOT ready \gset
UPDATE prebuilds.provisioner_jobs SET started_at = now(), completed_at = now() WHERE id = :'second_job';
WITH r AS (INSERT INTO prebuilds.workspace_resources (job_id, transition, name) VALUES (:'second_job', 'start', 'main') RETURNING id)
INSERT INTO prebuilds.workspace_agents (resource_id, name, lifecycle_state) SELECT id, 'main', 'ready' FROM r;
UPDATE prebuilds.provisioner_jobs SET canceled_at = now() WHERE id = :'job';
SELECT job_status, count(*) FILTER (WHERE ready) AS ready FROM prebuilds.live_prebuilds GROUP BY 1 ORDER BY 1;
SELECT prebuilds_claim(:'small', :'ann', 'mine') = :'second' AS second;
SELECT prebuilds_claim(:'small', :'bob', 'mine') IS NOT NULL AS claimed;
ROLLBACK;
DROP EXTENSION pg_prebuilds;
