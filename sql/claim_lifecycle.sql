-- A prebuild has no lifecycle settings; a claim sets all of them, and the deadline counts from the claim build's end.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all

SELECT pg_temp.prebuild(:'small', 'prebuild-' || n, n * interval '1 hour') IS NOT NULL AS made FROM generate_series(1, 4) AS n;
SELECT count(*) FILTER (WHERE num_nonnulls(autostart_schedule, ttl, next_start_at, dormant_at, deleting_at) > 0) AS with_lifecycle
FROM prebuilds.workspaces;

-- ttl: the argument, else the template's, 0 = none
SELECT prebuilds_claim(:'small', :'ann', 'template''s') AS templates,
       prebuilds_claim(:'small', :'ann', 'own', autostart_schedule => 'CRON_TZ=UTC 0 9 * * 1-5',
                       next_start_at => '2030-01-01 09:00+00', ttl => '90 minutes') AS own,
       prebuilds_claim(:'small', :'ann', 'none', ttl => '0') AS none \gset
SELECT name, ttl, autostart_schedule, next_start_at AT TIME ZONE 'UTC' AS next_start_at, dormant_at, deleting_at
FROM prebuilds.workspaces WHERE owner_id = :'ann' ORDER BY name;
UPDATE prebuilds.templates SET default_ttl = 0 WHERE id = :'template';
SELECT prebuilds_claim(:'small', :'ann', 'no default') AS no_default \gset
SELECT name, ttl FROM prebuilds.workspaces WHERE id = :'no_default';

-- deadlines
SELECT prebuilds_register_provisioner('acme', 'daemon') AS daemon \gset
SELECT count(prebuilds_complete_job(a.job_id, :'daemon')) AS completed FROM prebuilds_acquire_job(:'daemon', 10) AS a;
SELECT w.name, b.deadline - j.completed_at AS runs_for, x.deadline = b.deadline AS shown, b.max_deadline = '0001-01-01 00:00+00' AS no_limit
FROM prebuilds.workspaces w
JOIN prebuilds.workspace_builds b ON b.workspace_id = w.id AND b.build_number = 2
JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id
CROSS JOIN prebuilds_workspace(w.id) AS x
WHERE b.deadline > '0001-01-01 00:00+00' ORDER BY w.name;
SELECT w.name, x.deadline FROM prebuilds.workspaces w CROSS JOIN prebuilds_workspace(w.id) AS x
WHERE w.ttl IS NULL ORDER BY w.name;

DROP EXTENSION pg_prebuilds;
