-- What makes a prebuild claimable: not expired by TTL or invalidation, of the active version of a template that is
-- neither deprecated nor deleted, and running.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all

SELECT pg_temp.prebuild(:'small', 'prebuild', '2 hours') AS prebuild \gset
SELECT created_at AS born FROM prebuilds.workspaces WHERE id = :'prebuild' \gset

-- Each claim is undone, so that the next one finds the same.
CREATE FUNCTION pg_temp.claimable(preset uuid, owner uuid, as_of timestamptz DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    claimed boolean;
BEGIN
    BEGIN
        claimed := prebuilds_claim(preset, owner, 'mine', as_of => as_of) IS NOT NULL;
        RAISE SQLSTATE 'TEST1';
    EXCEPTION WHEN SQLSTATE 'TEST1' THEN
        RETURN claimed;
    END;
END $$;
SELECT pg_temp.claimable(:'small', :'ann');

-- TTL: for an hour to the microsecond.
UPDATE prebuilds.template_version_presets SET invalidate_after_secs = 3600 WHERE id = :'small';
SELECT pg_temp.claimable(:'small', :'ann', :'born'::timestamptz + interval '1 hour') AS at_ttl,
       pg_temp.claimable(:'small', :'ann', :'born'::timestamptz + interval '1 hour 1 microsecond') AS after_ttl,
       pg_temp.claimable(:'small', :'ann') AS now;
UPDATE prebuilds.template_version_presets SET invalidate_after_secs = 0 WHERE id = :'small';
SELECT pg_temp.claimable(:'small', :'ann') AS no_ttl;

-- Invalidated: everything older than that instant.
UPDATE prebuilds.template_version_presets SET last_invalidated_at = :'born' WHERE id = :'small';
SELECT pg_temp.claimable(:'small', :'ann') AS as_old_as_that;
UPDATE prebuilds.template_version_presets SET last_invalidated_at = :'born'::timestamptz + interval '1 microsecond' WHERE id = :'small';
SELECT pg_temp.claimable(:'small', :'ann') AS older;
UPDATE prebuilds.template_version_presets SET last_invalidated_at = NULL WHERE id = :'small';

-- The template.
UPDATE prebuilds.templates SET deprecated = 'use another one' WHERE id = :'template';
SELECT pg_temp.claimable(:'small', :'ann') AS deprecated;
UPDATE prebuilds.templates SET deprecated = '', deleted = true WHERE id = :'template';
SELECT pg_temp.claimable(:'small', :'ann') AS deleted;
UPDATE prebuilds.templates SET deleted = false, active_version_id = NULL WHERE id = :'template';
SELECT pg_temp.claimable(:'small', :'ann') AS inactive;
UPDATE prebuilds.templates SET active_version_id = :'version' WHERE id = :'template';

-- Paused is no obstacle.
SELECT prebuilds_pause();
SELECT pg_temp.claimable(:'small', :'ann') AS paused;

-- Parked by an operator, it is no candidate; started again, it is, whoever asked for it.
SELECT prebuilds_build_workspace(:'prebuild', 'stop', :'bob') AS stop \gset
SELECT pg_temp.claimable(:'small', :'ann') AS stopping;
UPDATE prebuilds.provisioner_jobs SET started_at = now(), completed_at = now() WHERE id = :'stop';
SELECT pg_temp.claimable(:'small', :'ann') AS stopped;
SELECT prebuilds_build_workspace(:'prebuild', 'start', :'bob') AS start \gset
SELECT pg_temp.claimable(:'small', :'ann') AS starting;
UPDATE prebuilds.provisioner_jobs SET started_at = now(), completed_at = now() WHERE id = :'start';
WITH r AS (
    INSERT INTO prebuilds.workspace_resources (job_id, transition, name) VALUES (:'start', 'start', 'main') RETURNING id
)
INSERT INTO prebuilds.workspace_agents (resource_id, name, lifecycle_state) SELECT id, 'main', 'ready' FROM r;
SELECT pg_temp.claimable(:'small', :'ann') AS started_again;

-- An earlier build of it that somebody has reopened: two at once may not be.
UPDATE prebuilds.provisioner_jobs SET completed_at = NULL WHERE id = :'stop';
SELECT pg_temp.claimable(:'small', :'ann') AS earlier_build_open;
SELECT pg_temp.prebuild(:'small', 'prebuild-2', '1 hour') AS prebuild_2 \gset
SELECT prebuilds_claim(:'small', :'ann', 'mine', build => false) = :'prebuild_2' AS next_one_is_claimed;
UPDATE prebuilds.provisioner_jobs SET completed_at = now() WHERE id = :'stop';
SELECT pg_temp.claimable(:'small', :'bob') AS ended;

DROP EXTENSION pg_prebuilds;
