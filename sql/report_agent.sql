-- Agents tell in which state they are.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
SELECT pg_temp.prebuild(:'small', 'prebuild', '1 hour') AS prebuild \gset
UPDATE prebuilds.workspace_agents SET lifecycle_state = 'created' RETURNING id AS agent \gset
CREATE VIEW pg_temp.agent_now AS
SELECT lifecycle_state, started_at IS NOT NULL AS started, ready_at IS NOT NULL AS has_been_ready FROM prebuilds.workspace_agents;

SELECT prebuilds_report_agent(:'agent', 'starting') AS changed;
SELECT * FROM pg_temp.agent_now;
SELECT prebuilds_report_agent(:'agent', 'starting') AS changed;
SELECT prebuilds_report_agent(:'agent', 'ready') AS changed;
SELECT * FROM pg_temp.agent_now;
SELECT eligible FROM prebuilds_find_preset('acme', 'web');
SELECT prebuilds_report_agent(:'agent', 'shutting_down') AS changed;
SELECT * FROM pg_temp.agent_now;
SELECT eligible FROM prebuilds_find_preset('acme', 'web');

\pset format unaligned
\pset tuples_only on
SELECT pg_temp.refused($$SELECT prebuilds_report_agent(NULL, 'ready')$$);
SELECT pg_temp.refused($$SELECT prebuilds_report_agent('00000000-0000-0000-0000-000000000001', 'ready')$$);
SELECT pg_temp.refused($$SELECT prebuilds_report_agent(%L, NULL)$$, :'agent');
SELECT pg_temp.refused($$SELECT prebuilds_report_agent(%L, 'dead')$$, :'agent');
UPDATE prebuilds.workspace_agents SET deleted = true;
SELECT replace(pg_temp.refused($$SELECT prebuilds_report_agent(%L, 'ready')$$, :'agent'), :'agent', 'agent');

DROP VIEW pg_temp.agent_now;
DROP EXTENSION pg_prebuilds;
