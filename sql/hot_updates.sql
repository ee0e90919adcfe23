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

-- For the rest a row is written as an UPDATE would write it: with triggers of rows, constraints, deferred ones too, and
-- into whatever index has a new value.
\set VERBOSITY terse
SELECT created FROM prebuilds_reconcile_all();
SELECT min(job_id::text) AS one, max(job_id::text) AS two FROM prebuilds.live_prebuilds WHERE job_status = 'pending' \gset
CREATE FUNCTION pg_temp.show() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE '% %: % to %', tg_when, tg_op, old.job_status, new.job_status;
    RETURN CASE WHEN new.job_status <> 'canceling' THEN new END;
END $$;
CREATE TRIGGER before_it BEFORE UPDATE ON prebuilds.live_prebuilds FOR EACH ROW EXECUTE FUNCTION pg_temp.show();
CREATE TRIGGER after_it AFTER UPDATE ON prebuilds.live_prebuilds FOR EACH ROW EXECUTE FUNCTION pg_temp.show();
UPDATE prebuilds.provisioner_jobs SET started_at = now() WHERE id = :'one';
UPDATE prebuilds.provisioner_jobs SET canceled_at = now() WHERE id = :'one';
SELECT job_status FROM prebuilds.live_prebuilds WHERE job_id = :'one';
DROP TRIGGER before_it ON prebuilds.live_prebuilds;
DROP TRIGGER after_it ON prebuilds.live_prebuilds;
ALTER TABLE prebuilds.live_prebuilds ADD CONSTRAINT no_failures CHECK (job_status <> 'failed'),
    ADD CONSTRAINT once UNIQUE (job_completed_at) DEFERRABLE INITIALLY DEFERRED;
SAVEPOINT s;
UPDATE prebuilds.provisioner_jobs SET error = 'broken' WHERE id = :'one';
ROLLBACK TO s;
UPDATE prebuilds.provisioner_jobs SET completed_at = '2030-01-01' WHERE id IN (:'one', :'two');
SET enable_seqscan = off;
SELECT count(*) FROM prebuilds.live_prebuilds WHERE job_completed_at = '2030-01-01';
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
DROP EXTENSION pg_prebuilds;
