-- What a claim refuses, and in which order: arguments, feature, then the taken name, which only a candidate makes
-- noticed. What is refused changes nothing.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
\pset format unaligned
\pset tuples_only on
\set nobody '00000000-0000-0000-0000-000000000001'

-- arguments
SELECT pg_temp.refused($$SELECT prebuilds_claim(NULL, %L, 'w')$$, :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w')$$, :'nobody', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, NULL, 'w')$$, :'small');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w')$$, :'small', :'nobody');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w')$$, :'small', prebuilds.system_user_id()::text);
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, NULL)$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, '')$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, repeat('w', 65))$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w', autostart_schedule => '')$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w', next_start_at => 'infinity')$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w', ttl => '-1 second')$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w', ttl => '101 years')$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w', build => NULL)$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w', as_of => '-infinity')$$, :'small', :'ann');
UPDATE prebuilds.users SET deleted = true WHERE id = :'bob';
SELECT left(pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w')$$, :'small', :'bob'), 11);
UPDATE prebuilds.users SET deleted = false WHERE id = :'bob';

-- feature: after the arguments
SET prebuilds.enabled = off;
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, NULL)$$, :'small', :'ann');
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'w')$$, :'small', :'ann');
RESET prebuilds.enabled;

-- a taken name: without a candidate it is a miss, whatever the name
SELECT claimed FROM prebuilds_create_workspace(:'template', :'ann', 'Taken', '{"size": "xl"}');
SELECT prebuilds_claim(:'small', :'ann', 'taken') IS NULL AS missed;
SELECT pg_temp.prebuild(:'small', 'prebuild', '1 hour') AS prebuild \gset
SELECT regexp_replace(pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'taken')$$, :'small', :'ann'), :'ann', 'ann');
-- the prebuild is still there, for another name
SELECT prebuilds_claim(:'small', :'ann', 'free') = :'prebuild' AS claimed;
-- a deleted workspace gives its name back
UPDATE prebuilds.workspaces SET deleted = true WHERE name = 'Taken';
SELECT pg_temp.prebuild(:'small', 'prebuild', '1 hour') AS prebuild \gset
SELECT prebuilds_claim(:'small', :'ann', 'taken') = :'prebuild' AS claimed;

-- there is no build after the last number
SELECT pg_temp.prebuild(:'small', 'prebuild', '1 hour') AS prebuild \gset
UPDATE prebuilds.workspace_builds SET build_number = 2147483647 WHERE workspace_id = :'prebuild';
SELECT pg_temp.refused($$SELECT prebuilds_claim(%L, %L, 'last')$$, :'small', :'ann');
SELECT prebuilds_claim(:'small', :'ann', 'last', build => false) = :'prebuild' AS claimed;

SELECT event_type, count(*) FROM prebuilds.prebuild_events GROUP BY event_type ORDER BY event_type;
DROP EXTENSION pg_prebuilds;
