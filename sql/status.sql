-- prebuilds_status() says how a pool is, and why it is not as desired.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
\pset null '-'

-- Every count at once, and what is active or has anything left.
CALL fixture.preset('p', desired => 3);
CALL fixture.preset('none', desired => NULL);
CALL fixture.version('v0', activate => false);
CALL fixture.preset('left', desired => 5, version => 'v0');
CALL fixture.preset('empty', desired => 5, version => 'v0');
CALL fixture.template('aaa', 'other');
CALL fixture.version('a1', 'aaa');
CALL fixture.preset('a', desired => 0, version => 'a1');
SELECT count(fixture.ready('ready ' || n, age => '10 min')), count(fixture.ready('expired ' || n, age => n * interval '2 hours')), count(fixture.prebuild('start', 'succeeded', age => '20 min'))
  FROM generate_series(1, 3) n;
SELECT count(fixture.prebuild(transition, status)) FROM (VALUES ('start', 'pending'), ('start', 'running'), ('start', 'canceling'), ('start', 'failed'), ('start', 'canceled'),
    ('stop', 'pending'), ('stop', 'running'), ('stop', 'succeeded'), ('stop', 'failed'), ('delete', 'pending'), ('delete', 'failed'), ('delete', 'succeeded')) AS v (transition, status);
SELECT count(fixture.prebuild('start', status, 'left', version => 'v0')) FROM unnest('{pending, pending, running, succeeded}'::text[]) status;
UPDATE template_version_presets SET invalidate_after_secs = 3600 WHERE name = 'p';
SELECT s.preset_id = fixture.id(s.preset_name) AS id, s.* FROM prebuilds_status(fixture.noon()) AS s \gx

-- Nobody serves its queue: said while something waits there, and not once somebody does.
DELETE FROM workspaces WHERE name !~ 'antagonist';
UPDATE template_version_presets SET invalidate_after_secs = NULL, desired_instances = 1;
CREATE FUNCTION fixture.problem(version_tags jsonb, daemon_tags jsonb, seen interval) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM provisioner_daemons;
    UPDATE template_versions SET tags = version_tags WHERE name = 'v1';
    INSERT INTO provisioner_daemons (name, organization_id, tags, last_seen_at) VALUES ('d', fixture.id('acme'), daemon_tags, fixture.noon() - seen);
    RETURN (SELECT s.problem FROM prebuilds_status(fixture.noon()) s WHERE s.preset_name = 'p');
END
$$;
SELECT fixture.problem('{}', '{}', NULL) AS nothing_waits;
SELECT created FROM prebuilds_reconcile_preset(fixture.id('p'), fixture.noon());
SELECT v.*, fixture.problem(version_tags::jsonb, daemon_tags::jsonb, seen::interval)
  FROM (VALUES ('{}', '{}', NULL), ('{}', '{}', '91 s'), ('{}', '{}', '90 s'), ('{}', '{"zone": "a"}', '0'), ('{"zone": "a"}', '{"zone": "a", "x": "y"}', '0'),
               ('{"scope": "user"}', '{"scope": "user"}', '0'), ('{"scope": "user"}', '{"scope": "user", "owner": "c42fdf75-3097-471c-8c33-fb52454d81c0"}', '0')) AS v (version_tags, daemon_tags, seen);
CALL fixture.provision();
SELECT fixture.problem('{}', '{}', NULL) AS nothing_waits;

-- Everything there is to say, the strongest first.
INSERT INTO template_version_parameters (template_version_id, name, required) VALUES (fixture.id('v1'), 'region', true);
UPDATE template_version_presets SET last_invalidated_at = fixture.noon() - interval '10 min', scheduling_timezone = 'UTC', desired_instances = 7 WHERE name = 'p';
SET session_replication_role = replica;
INSERT INTO template_version_preset_prebuild_schedules (preset_id, cron_expression, desired_instances) VALUES (fixture.id('p'), '30 9 * * *', 3);
RESET session_replication_role;
INSERT INTO preset_failures (preset_id, created_at, sqlstate, message) VALUES (fixture.id('p'), fixture.noon() - interval '3 min', 'FX001', 'quota exceeded');
SELECT count(fixture.prebuild('start', 'failed', age => n * interval '11 min')) FROM generate_series(1, 3) n;
SELECT count(fixture.prebuild('start', 'pending', age => '20 min'));
SELECT regexp_split_to_table(problem, '; ') AS problem FROM prebuilds_status(fixture.noon()) WHERE preset_name = 'p';

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
