-- What a pass, a claim or a provisioner's call reads does not depend on what happened before. No statement of theirs
-- scans a table that grows with history, whenever it was planned: while tables were empty, without statistics, with
-- statistics; and with four times the history it reads as many rows as before.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/bench/generate.sql
\set ECHO all
SET client_min_messages = warning;
CREATE SCHEMA plans;

-- Everything but what is as large as the pools, the templates or the daemons.
CREATE VIEW plans.reads AS
SELECT s.relname AS relation, s.seq_scan AS scans, s.seq_tup_read + coalesce(s.idx_tup_fetch, 0) AS tuples
  FROM pg_stat_xact_user_tables AS s
 WHERE s.schemaname = 'prebuilds'
   AND s.relname NOT IN ('live_prebuilds', 'templates', 'organizations', 'organization_members', 'groups',
                         'group_members', 'provisioner_daemons', 'job_queues', 'site_configs', 'installation');

CREATE TABLE plans.observations (circumstances text, operation text, relation text, scans bigint, tuples bigint);

CREATE PROCEDURE plans.observe(circumstances text, operation text, statement text)
    LANGUAGE plpgsql AS $$
DECLARE
    before constant jsonb := (SELECT jsonb_object_agg(r.relation, to_jsonb(r)) FROM plans.reads AS r);
BEGIN
    EXECUTE statement;
    INSERT INTO plans.observations
    SELECT circumstances, operation, r.relation, r.scans - (before -> r.relation ->> 'scans')::bigint,
           r.tuples - (before -> r.relation ->> 'tuples')::bigint
      FROM plans.reads AS r;
END
$$;

-- A provisioner that takes every job there is, and what it makes becomes ready.
CREATE PROCEDURE plans.provision(circumstances text)
    LANGUAGE plpgsql AS $$
DECLARE
    daemon constant uuid := public.prebuilds_register_provisioner('bench', 'plans');
    job uuid;
    agent uuid;
BEGIN
    LOOP
        CALL plans.observe(circumstances, 'acquire', format('SELECT public.prebuilds_acquire_job(%L)', daemon));
        SELECT j.id INTO job FROM prebuilds.provisioner_jobs AS j
         WHERE j.worker_id = daemon AND j.started_at IS NOT NULL AND j.completed_at IS NULL;
        EXIT WHEN NOT FOUND;
        CALL plans.observe(circumstances, 'update', format('SELECT public.prebuilds_update_job(%L, %L, %L)', job, daemon,
                                                           '{"working"}'));
        CALL plans.observe(circumstances, 'complete', format(
            'SELECT public.prebuilds_complete_job(%L, %L, NULL, %L)', job, daemon,
            '[{"type": "container", "name": "main", "agents": [{"name": "main"}]}]'));
        SELECT a.id INTO agent FROM prebuilds.workspace_agents AS a
          JOIN prebuilds.workspace_resources AS r ON r.id = a.resource_id WHERE r.job_id = job;
        CALL plans.observe(circumstances, 'report', format('SELECT public.prebuilds_report_agent(%L, %L)', agent, 'ready'));
    END LOOP;
END
$$;

-- Everything once; in the end the pools are as in the beginning.
CREATE PROCEDURE plans.round(circumstances text)
    LANGUAGE plpgsql AS $$
DECLARE
    active constant uuid := bench.preset(1, 2);
    inactive constant uuid := bench.preset(1, 1);
    job uuid;
    claimed uuid;
BEGIN
    CALL plans.observe(circumstances, 'register',
                       'SELECT public.prebuilds_register_provisioner(''bench'', ''plans'', fresh => true)');
    CALL plans.observe(circumstances, 'pass', 'SELECT public.prebuilds_reconcile_all()');
    CALL plans.observe(circumstances, 'claim', format('SELECT public.prebuilds_claim(%L, %L, %L)', active, bench.person(1),
                                                      clock_timestamp()));
    CALL plans.observe(circumstances, 'missed claim', format('SELECT public.prebuilds_claim(%L, %L, %L)', inactive,
                                                             bench.person(1), clock_timestamp()));
    CALL plans.observe(circumstances, 'plan', 'SELECT public.prebuilds_plan()');
    CALL plans.observe(circumstances, 'pass that creates', 'SELECT public.prebuilds_reconcile_all()');
    CALL plans.provision(circumstances);

    PERFORM public.prebuilds_set_desired(active, 0);
    CALL plans.observe(circumstances, 'pass that deletes', format('SELECT public.prebuilds_reconcile_preset(%L)', active));
    CALL plans.provision(circumstances);
    PERFORM public.prebuilds_set_desired(active, 5);
    CALL plans.observe(circumstances, 'pass that creates', format('SELECT public.prebuilds_reconcile_preset(%L)', active));
    UPDATE prebuilds.templates SET active_version_id = bench.version(1, 1) WHERE id = bench.id('template', 1);
    CALL plans.observe(circumstances, 'pass that cancels', 'SELECT public.prebuilds_reconcile_all()');
    UPDATE prebuilds.templates SET active_version_id = bench.version(1, 2) WHERE id = bench.id('template', 1);
    PERFORM public.prebuilds_reconcile_all();
    CALL plans.provision(circumstances);

    CALL plans.observe(circumstances, 'new workspace', format('SELECT public.prebuilds_create_workspace(%L, %L, %L)',
                                                              bench.id('template', 1), bench.person(2), clock_timestamp()));
    CALL plans.provision(circumstances);
    SELECT w.id INTO claimed FROM prebuilds.workspaces AS w ORDER BY w.updated_at DESC LIMIT 1;
    CALL plans.observe(circumstances, 'build', format('SELECT public.prebuilds_build_workspace(%L, %L, %L)', claimed, 'stop',
                                                      bench.person(2)));
    SELECT j.id INTO job FROM prebuilds.provisioner_jobs AS j WHERE j.job_status = 'pending';
    CALL plans.observe(circumstances, 'cancel', format('SELECT public.prebuilds_cancel_job(%L)', job));
    CALL plans.observe(circumstances, 'reap', 'SELECT public.prebuilds_reap_jobs()');
    CALL plans.observe(circumstances, 'find', 'SELECT public.prebuilds_find_preset(''bench'', ''template-1'', ''preset'')');
    CALL plans.observe(circumstances, 'status', 'SELECT public.prebuilds_status()');
    CALL plans.observe(circumstances, 'worker''s wake-up', format('SELECT public.prebuilds_reconcile_preset(%L)', active));

    -- Rows that a client writes by itself, with its own settings.
    CALL plans.observe(circumstances, 'plain write', format($sql$
        WITH w AS (
            INSERT INTO prebuilds.workspaces (id, owner_id, organization_id, template_id, name)
            VALUES (gen_random_uuid(), %L, %L, %L, %L) RETURNING id
        ), j AS (
            INSERT INTO prebuilds.provisioner_jobs (organization_id, initiator_id) VALUES (%2$L, %1$L) RETURNING id
        )
        INSERT INTO prebuilds.workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id,
                                                job_id)
        SELECT w.id, %5$L, 1, 'start', %1$L, j.id FROM w, j
    $sql$, prebuilds.system_user_id(), bench.organization(), bench.id('template', 1), clock_timestamp(),
           bench.version(1, 2)));
    SELECT j.id INTO job FROM prebuilds.provisioner_jobs AS j WHERE j.job_status = 'pending';
    CALL plans.observe(circumstances, 'plain write', format(
        'UPDATE prebuilds.provisioner_jobs SET started_at = now(), completed_at = now() WHERE id = %L', job));
    CALL plans.observe(circumstances, 'plain write', format(
        'WITH r AS (INSERT INTO prebuilds.workspace_resources (job_id, transition, name) VALUES (%L, ''start'', ''main'')
                    RETURNING id)
         INSERT INTO prebuilds.workspace_agents (resource_id, name) SELECT r.id, ''main'' FROM r', job));
    SELECT b.workspace_id INTO claimed FROM prebuilds.workspace_builds AS b WHERE b.job_id = job;
    CALL plans.observe(circumstances, 'plain write', format(
        'UPDATE prebuilds.workspaces SET deleted = true WHERE id = %L', claimed));
END
$$;

-- Nobody but this test collects statistics.
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'prebuilds'::regnamespace AND c.relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);
    END LOOP;
END
$$;

-- Planned while there was next to nothing; generic plans come with the sixth execution.
CALL bench.generate(templates => 3, versions => 2);
DO $$
BEGIN
    FOR n IN 1 .. 6 LOOP
        CALL plans.round('empty');
    END LOOP;
END
$$;
SET bench.keep_triggers = on;
CALL bench.add_history(3, 2, 600, 300);
CALL plans.round('old plans');

-- Planned by a new session, before anybody has counted the rows, and afterwards.
\c
CALL plans.round('no statistics');
ANALYZE;
\c
CALL plans.round('statistics');

-- Four times the history, and versions. The first pass notices that triggers were off, and derives everything anew.
CALL bench.add_history(3, 2, 1800, 900, batch => 2);
INSERT INTO prebuilds.template_versions (id, template_id, organization_id, name)
SELECT bench.version(t, v), bench.id('template', t), bench.organization(), 'v' || v
  FROM generate_series(3, 200) AS v, generate_series(1, 3) AS t;
INSERT INTO prebuilds.template_version_presets (id, template_version_id, name, desired_instances)
SELECT bench.preset(t, v), bench.version(t, v), 'preset', 5
  FROM generate_series(3, 200) AS v, generate_series(1, 3) AS t;
SELECT created, deleted, canceled, errors FROM prebuilds_reconcile_all();
CALL plans.round('more history');
\c
CALL plans.round('more history, new plans');

-- The only scans: PostgreSQL's own foreign keys look through the one page of versions.
SELECT DISTINCT circumstances, operation, relation FROM plans.observations
 WHERE scans > 0 AND circumstances <> 'empty' AND (operation, relation) <> ('plain write', 'template_versions')
 ORDER BY 1, 2, 3;
-- Rows read of a table by an operation.
SELECT large.circumstances, large.operation, large.relation, sum(large.tuples) AS tuples, small.tuples AS before
  FROM plans.observations AS large
  JOIN (SELECT operation, relation, sum(tuples) AS tuples FROM plans.observations
         WHERE circumstances = 'no statistics' GROUP BY 1, 2) AS small USING (operation, relation)
 WHERE large.circumstances <> 'empty'
 GROUP BY 1, 2, 3, 5
HAVING sum(large.tuples) > 1.5 * small.tuples + 10
 ORDER BY 1, 2, 3;
-- It has looked at something: every operation, every time.
SELECT circumstances, count(DISTINCT operation) AS operations, sum(tuples) > 0 AS reads
  FROM plans.observations GROUP BY 1 ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA plans, bench CASCADE;
DROP EXTENSION pg_prebuilds;
