-- A claim hands out the oldest eligible prebuild of a preset, and nothing else.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all

SELECT pg_temp.prebuild(:'small', 'younger', '1 hour') AS younger, pg_temp.prebuild(:'small', 'older', '2 hours') AS older,
       pg_temp.prebuild(:'small', 'oldest, not ready', '3 hours', ready => false) AS unready \gset
SELECT eligible FROM prebuilds_find_preset('acme', 'web');

-- The oldest ready one. It keeps its age, its version and its state; a start build of its new owner follows.
SELECT prebuilds_claim(:'small', :'ann', 'mine') = :'older' AS oldest_ready;
SELECT u.username AS owner, w.name, w.created_at < now() - interval '1 hour' AS keeps_age, w.updated_at = w.last_used_at AS used_now
FROM prebuilds.workspaces w JOIN prebuilds.users u ON u.id = w.owner_id WHERE w.id = :'older';
SELECT b.build_number, b.transition, b.initiator_id = :'ann' AS by_owner, b.template_version_id = :'version' AS same_version,
       b.template_version_preset_id = :'small' AS same_preset, convert_from(b.provisioner_state, 'utf8') AS state,
       j.job_status, j.type, j.provisioner, j.initiator_id = :'ann' AS job_by_owner,
       j.input = jsonb_build_object('workspace_build_id', b.id, 'prebuilt_workspace_stage', 'claim') AS claim_stage, j.tags
FROM prebuilds.workspace_builds b JOIN prebuilds.provisioner_jobs j ON j.id = b.job_id
WHERE b.workspace_id = :'older' AND b.build_number = 2;
SELECT p.name, p.value FROM prebuilds.workspace_builds b JOIN prebuilds.workspace_build_parameters p ON p.workspace_build_id = b.id
WHERE b.workspace_id = :'older' AND b.build_number = 2 ORDER BY p.name;
SELECT eligible FROM prebuilds_find_preset('acme', 'web');

-- A rollback puts the prebuild back.
BEGIN;
SELECT prebuilds_claim(:'small', :'ann', 'second') = :'younger' AS the_other_one;
SELECT prebuilds_claim(:'small', :'ann', 'third') IS NULL AS none_left;
ROLLBACK;
SELECT eligible FROM prebuilds_find_preset('acme', 'web');

-- Nobody's operators and search_path matter, and what reads when the event is written sees the claim's own rows.
CREATE SCHEMA hers;
CREATE FUNCTION hers.never(uuid, uuid) RETURNS boolean LANGUAGE sql RETURN false;
CREATE OPERATOR hers.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = hers.never);
CREATE FUNCTION pg_temp.count_builds() RETURNS trigger LANGUAGE plpgsql STABLE AS $$
BEGIN
    RAISE NOTICE 'builds at work: %', (SELECT count(*) FROM prebuilds.workspace_builds WHERE open);
    RETURN NEW;
END $$;
CREATE TRIGGER count_builds BEFORE INSERT ON prebuilds.prebuild_events FOR EACH ROW EXECUTE FUNCTION pg_temp.count_builds();
BEGIN;
SET LOCAL search_path = hers, pg_catalog;
SELECT (prebuilds.claim(:'small', :'ann', 'second', NULL, NULL, NULL, true, NULL, now())).workspace_id
       OPERATOR(pg_catalog.=) :'younger' AS the_other_one;
RESET search_path;
SELECT w.name, b.build_number, b.transition, convert_from(b.provisioner_state, 'utf8') AS state, count(p) AS parameters
FROM prebuilds.workspaces w JOIN prebuilds.workspace_builds b ON b.workspace_id = w.id
LEFT JOIN prebuilds.workspace_build_parameters p ON p.workspace_build_id = b.id
WHERE w.id = :'younger' GROUP BY w.name, b.build_number, b.transition, b.provisioner_state ORDER BY b.build_number;
ROLLBACK;
DROP TRIGGER count_builds ON prebuilds.prebuild_events;
DROP OPERATOR hers.= (uuid, uuid);
DROP FUNCTION hers.never;
DROP SCHEMA hers;

-- Without a build it is handed over as it runs.
SELECT prebuilds_claim(:'small', :'bob', 'as it is', build => false) = :'younger' AS the_other_one;
SELECT count(*) AS builds FROM prebuilds.workspace_builds WHERE workspace_id = :'younger';
SELECT owner_name, build_number, job_status, ready FROM prebuilds_workspace(:'younger');

-- A workspace that somebody owns is never claimed, and starting it again claims nothing.
SELECT prebuilds_build_workspace(:'younger', 'start', :'bob') IS NOT NULL AS started_again;
SELECT prebuilds_claim(:'small', :'ann', 'third') IS NULL AS none_left;

-- Ready again, claimable again: every agent counts, except deleted ones and parts of others.
SELECT r.id AS resource FROM prebuilds.workspace_builds b JOIN prebuilds.workspace_resources r ON r.job_id = b.job_id
WHERE b.workspace_id = :'unready' \gset
UPDATE prebuilds.workspace_agents SET deleted = true WHERE resource_id = :'resource';
SELECT prebuilds_claim(:'small', :'ann', 'third') IS NULL AS no_agents_is_not_ready;
INSERT INTO prebuilds.workspace_agents (resource_id, name, lifecycle_state, parent_id)
VALUES (:'resource', 'new', 'ready', NULL), (:'resource', 'part', 'off', gen_random_uuid());
SELECT prebuilds_claim(:'small', :'ann', 'third') = :'unready' AS ready_now;

-- Claims and misses are recorded; a preset without prebuilds has none to miss.
SELECT event_type, count(*) FROM prebuilds.prebuild_events GROUP BY event_type ORDER BY event_type;
UPDATE prebuilds.template_version_presets SET desired_instances = NULL WHERE id = :'small';
SELECT prebuilds_claim(:'small', :'ann', 'fourth') IS NULL AS none_left;
SELECT event_type, count(*) FROM prebuilds.prebuild_events GROUP BY event_type ORDER BY event_type;

DROP EXTENSION pg_prebuilds;
