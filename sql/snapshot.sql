-- What a pass reads: every row set that the constraints admit, whoever wrote it and in what order, and nothing that is
-- not the preset's.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.person('ann');
CALL fixture.preset('p', desired => 3);
CALL fixture.preset('q', desired => 0);
CALL fixture.preset('none', desired => NULL);

CREATE FUNCTION fixture.status() RETURNS TABLE (preset text, actual int, eligible int, starting int, stopping int, deleting int, pending_non_active int, failed int, parked int)
    LANGUAGE sql BEGIN ATOMIC
        SELECT s.preset_name, s.actual, s.eligible, s.starting, s.stopping, s.deleting, s.pending_non_active, s.failed, s.parked
          FROM public.prebuilds_status(fixture.noon()) AS s ORDER BY s.active DESC, s.preset_name;
    END;
-- One prebuild, in some history of builds ({transition, status, version, preset, initiator}); where it counts.
CREATE FUNCTION fixture.counts(VARIADIC builds text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    build text[];
    workspace uuid;
    result text;
BEGIN
    FOR i IN 1 .. cardinality(builds) LOOP
        build := regexp_split_to_array(builds[i], ' ');
        IF i = 1 THEN
            workspace := fixture.prebuild(build[1], build[2], nullif(build[4], '-'), NULL, build[3], '3 hours', build[5], agent => 'ready');
        ELSE
            PERFORM fixture.build(workspace, build[1], build[2], build[3], nullif(build[4], '-'), '3 hours'::interval - i * interval '10 min', build[5], 'ready');
        END IF;
    END LOOP;
    SELECT string_agg(format('%s: actual %s eligible %s starting %s stopping %s deleting %s failed %s parked %s', s.preset,
                             s.actual, s.eligible, s.starting, s.stopping, s.deleting, s.failed, s.parked), '; ') INTO result
      FROM fixture.status() s WHERE s.actual + s.eligible + s.starting + s.stopping + s.deleting + s.failed + s.parked > 0;
    DELETE FROM workspaces WHERE id = workspace;
    RETURN regexp_replace(result, ' \w+ 0\y', '', 'g');
END
$$;
CALL fixture.version('v0', activate => false);
CALL fixture.preset('old', desired => 1, version => 'v0');
SELECT v.builds, fixture.counts(VARIADIC v.builds) FROM (VALUES
    -- Running: of the newest start build that has a preset, whoever asked for what version.
    ('{start succeeded v1 p prebuilds}'::text[]),
    ('{start succeeded v1 p ann}'),
    ('{start succeeded v1 - prebuilds}'),
    ('{start succeeded v1 none prebuilds}'),
    ('{start succeeded v1 p prebuilds, stop succeeded v1 - ann, start succeeded v0 - ann}'),
    ('{start succeeded v1 p prebuilds, stop succeeded v1 - ann, start succeeded v1 q ann}'),
    ('{start succeeded v0 old prebuilds, start succeeded v1 - ann}'),
    ('{start succeeded v1 p prebuilds, stop succeeded v1 q ann, start succeeded v1 - ann}'),
    ('{stop succeeded v1 p prebuilds, start succeeded v1 - ann}'),
    -- Building: the build's own preset, else that of the newest start build that has one.
    ('{start running v1 p ann}'),
    ('{start canceling v1 p prebuilds}'),
    ('{start succeeded v1 p prebuilds, stop pending v1 - ann}'),
    ('{start succeeded v1 p prebuilds, stop canceling v1 q ann}'),
    ('{start succeeded v1 p prebuilds, delete running v1 - ann}'),
    ('{start succeeded v1 p prebuilds, stop succeeded v1 - ann, start pending v0 - ann}'),
    ('{start succeeded v1 p prebuilds, stop succeeded v1 - ann, start running v1 q ann}'),
    ('{stop running v1 - ann}'),
    -- Ended otherwise.
    ('{start failed v1 p prebuilds}'), ('{start canceled v1 p prebuilds}'),
    ('{start succeeded v1 p prebuilds, stop succeeded v1 - ann}'),
    ('{start succeeded v1 p prebuilds, stop failed v1 - ann}'),
    ('{start succeeded v1 p prebuilds, delete failed v1 - ann}'),
    ('{start succeeded v1 p prebuilds, delete succeeded v1 p prebuilds}'),
    ('{start succeeded v1 p prebuilds, stop succeeded v1 - ann, start failed v1 - ann}')) AS v (builds);

-- Ready: at least one agent of the latest build, and every one that is neither deleted nor a part of another.
CREATE FUNCTION fixture.agents(VARIADIC agents text[]) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    workspace uuid := fixture.prebuild('start', 'succeeded');
    agent text[];
    result int;
BEGIN
    INSERT INTO workspace_resources (id, job_id, transition, name)
    SELECT fixture.id('resource ' || n), l.job_id, 'start', 'machine' FROM live_prebuilds l, generate_series(1, 2) n WHERE l.workspace_id = workspace;
    FOR i IN 1 .. cardinality(agents) LOOP
        agent := regexp_split_to_array(agents[i], ' ');
        INSERT INTO workspace_agents (resource_id, name, lifecycle_state, deleted, parent_id)
        VALUES (fixture.id('resource ' || 1 + i % 2), 'agent', agent[1]::workspace_agent_lifecycle_state, 'deleted' = ANY (agent),
                CASE WHEN 'part' = ANY (agent) THEN fixture.id('parent') END);
    END LOOP;
    SELECT eligible INTO result FROM fixture.status() WHERE preset = 'p';
    DELETE FROM workspaces WHERE id = workspace;
    DELETE FROM workspace_resources WHERE name = 'machine' AND id IN (fixture.id('resource 1'), fixture.id('resource 2'));
    RETURN result;
END
$$;
SELECT agents, fixture.agents(VARIADIC agents) AS eligible FROM (VALUES ('{}'::text[]), ('{ready}'), ('{starting}'), ('{ready, ready}'), ('{ready, starting}'),
    ('{ready, starting deleted}'), ('{ready, starting part}'), ('{ready deleted}'), ('{ready part}'), ('{ready, off}')) AS v (agents);

-- Unrelated rows: a workspace without builds, a deleted one, somebody's, another template's, one whose job is no build's.
SELECT * FROM fixture.passes(1);
SELECT * FROM fixture.status();
INSERT INTO workspaces (owner_id, organization_id, template_id, name) VALUES (system_user_id(), fixture.id('acme'), fixture.id('web'), 'without builds');
SELECT count(fixture.ready('deleted')), count(fixture.prebuild('start', 'succeeded', owner => 'ann', name => 'hers'));
UPDATE workspaces SET deleted = true WHERE name = 'deleted';
INSERT INTO provisioner_jobs (organization_id, initiator_id, type) VALUES (fixture.id('acme'), system_user_id(), 'template_version_import');
SELECT * FROM fixture.status();
SELECT * FROM fixture.passes(2);

-- Rows in the order that hurts most: jobs and agents first, builds from the newest down, the workspace of another template
-- than its version, the active version before there is one.
INSERT INTO templates (id, organization_id, name, active_version_id) VALUES (fixture.id('late'), fixture.id('acme'), 'late', fixture.id('l1'));
INSERT INTO provisioner_jobs (id, created_at, organization_id, initiator_id, started_at, completed_at)
SELECT fixture.id('job ' || n), fixture.noon() - n * interval '1 hour', fixture.id('acme'), system_user_id(), fixture.noon(), fixture.noon() FROM generate_series(1, 3) n;
INSERT INTO workspace_resources (id, job_id, transition, name) VALUES (fixture.id('resource'), fixture.id('job 3'), 'start', 'machine');
INSERT INTO workspace_agents (resource_id, name, lifecycle_state) VALUES (fixture.id('resource'), 'main', 'ready');
INSERT INTO workspaces (id, created_at, owner_id, organization_id, template_id, name)
VALUES (fixture.id('w'), fixture.noon() - interval '1 day', system_user_id(), fixture.id('acme'), fixture.id('antagonist'), 'w');
INSERT INTO template_versions (id, template_id, organization_id, name) VALUES (fixture.id('l1'), fixture.id('late'), fixture.id('acme'), 'l1');
CALL fixture.preset('late preset', desired => 2, version => 'l1');
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
VALUES (fixture.id('w'), fixture.id('v0'), 9, 'start', fixture.id('ann'), fixture.id('job 3'), NULL);
SELECT * FROM fixture.status() WHERE preset = 'late preset';
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
VALUES (fixture.id('w'), fixture.id('v1'), 4, 'stop', fixture.id('ann'), fixture.id('job 2'), fixture.id('p'));
SELECT * FROM fixture.status() WHERE preset = 'late preset';
INSERT INTO workspace_builds (workspace_id, template_version_id, build_number, transition, initiator_id, job_id, template_version_preset_id)
VALUES (fixture.id('w'), fixture.id('l1'), 2, 'start', fixture.id('ann'), fixture.id('job 1'), fixture.id('late preset'));
SELECT * FROM fixture.status() WHERE preset = 'late preset';
SELECT preset, action, count FROM fixture.plan();
SELECT * FROM fixture.passes(2);

-- The read model is repaired by the next pass when rows were loaded with its triggers off.
CALL fixture.preset('loaded', desired => 2);
SELECT tgname, tgrelid::regclass AS source FROM pg_trigger WHERE tgname ~ '^[bc]_read_model' AND tgrelid = 'workspace_builds'::regclass ORDER BY 1;
ALTER TABLE workspaces DISABLE TRIGGER USER;
ALTER TABLE workspace_builds DISABLE TRIGGER USER;
ALTER TABLE provisioner_jobs DISABLE TRIGGER USER;
ALTER TABLE workspace_agents DISABLE TRIGGER USER;
SELECT count(fixture.ready('l' || n, 'loaded')) FROM generate_series(1, 3) n;
UPDATE workspaces SET deleted = true WHERE name = 'w';
ALTER TABLE workspaces ENABLE TRIGGER USER;
ALTER TABLE workspace_builds ENABLE TRIGGER USER;
ALTER TABLE provisioner_jobs ENABLE TRIGGER USER;
ALTER TABLE workspace_agents ENABLE TRIGGER USER;
SELECT * FROM fixture.passes(2);
SELECT * FROM fixture.status() WHERE preset IN ('loaded', 'late preset');
SELECT count(*) AS out_of_step FROM live_prebuilds l FULL JOIN live_prebuild_definitions d USING (workspace_id) WHERE ROW (l.*) IS DISTINCT FROM ROW (d.*);

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
