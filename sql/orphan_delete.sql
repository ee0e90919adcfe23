-- The delete of a workspace that was never built waits for a provisioner if one is there that would take it.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all

-- A stale pending prebuild of a version with these tags, a daemon with those, seen some time before noon: is the
-- workspace deleted at once, or does its delete wait?
CREATE FUNCTION fixture.orphan(version_tags jsonb, daemon_tags jsonb, seen interval, provisioners text[] DEFAULT '{terraform}',
                               organization text DEFAULT 'acme')
    RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    workspace uuid;
    outcome text;
BEGIN
    CALL fixture.web();
    CALL fixture.template('elsewhere', 'other');
    CALL fixture.antagonists();
    UPDATE template_versions SET tags = version_tags WHERE name = 'v1';
    CALL fixture.preset('p');
    workspace := fixture.prebuild('start', 'pending');
    CALL fixture.version('v2');
    INSERT INTO provisioner_daemons (name, organization_id, tags, provisioners, last_seen_at)
    VALUES ('d', fixture.id(organization), daemon_tags, orphan.provisioners, fixture.noon() - seen);
    PERFORM fixture.passes(8);
    SELECT format('%s, delete job %s', CASE WHEN w.deleted THEN 'deleted' ELSE 'not deleted' END, j.job_status) INTO outcome
      FROM workspaces w JOIN workspace_builds b ON b.workspace_id = w.id AND b.build_number = 2 AND b.transition = 'delete'
      JOIN provisioner_jobs j ON j.id = b.job_id WHERE w.id = workspace;
    RAISE EXCEPTION USING MESSAGE = outcome, ERRCODE = 'ZZ000';
EXCEPTION WHEN SQLSTATE 'ZZ000' THEN
    RETURN SQLERRM;
END
$$;

SELECT v.*, fixture.orphan(version_tags::jsonb, daemon_tags::jsonb, seen::interval) AS outcome
  FROM (VALUES ('{}', '{}', '10 s'), ('{}', '{}', '90 s'), ('{}', '{}', '91 s'),
               ('{}', '{"zone": "a"}', '0'), ('{"zone": "a"}', '{}', '0'), ('{"zone": "a"}', '{"zone": "a", "size": 3}', '0'),
               ('{"scope": "organization", "owner": ""}', '{}', '0'),
               ('{"scope": "user"}', '{"scope": "user"}', '0'),
               ('{"scope": "user"}', '{"scope": "user", "owner": "c42fdf75-3097-471c-8c33-fb52454d81c0"}', '0')) AS v (version_tags, daemon_tags, seen);
SELECT fixture.orphan('{}', '{}', '0', provisioners => '{echo}') AS other_type, fixture.orphan('{}', '{}', '0', provisioners => '{echo, terraform}') AS two_types,
       fixture.orphan('{}', '{}', '0', organization => 'other') AS other_organization;
SET prebuilds.provisioner_stale_interval = '10min';
SELECT fixture.orphan('{}', '{}', '9 min');
RESET prebuilds.provisioner_stale_interval;
-- NULL: registered and never seen.
SELECT fixture.orphan('{}', '{}', NULL);

-- A workspace that somehow has agents: they go with it.
CALL fixture.web();
CALL fixture.preset('p');
SELECT count(fixture.prebuild('start', 'pending', name => 'with agent', agent => 'starting')), count(fixture.prebuild('start', 'pending'));
CALL fixture.version('v2');
SELECT * FROM fixture.passes(2);
SELECT name, deleted FROM workspace_agents;
SELECT count(*) FROM live_prebuilds;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
