-- Pending starts of presets that are not active are cancelled, and their workspaces deleted, without a provisioner if
-- there is none: all of it for a preset or nothing.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();
CALL fixture.preset('p1', desired => 1);
CALL fixture.version('v2');
CALL fixture.preset('p2', desired => 1, version => 'v2');
CALL fixture.person('ann');

CREATE VIEW fixture.ends AS
SELECT w.name, w.deleted, b1.job_status AS first, b1.canceled_at = b1.completed_at AS canceled_and_completed,
       b.build_number AS latest, b.transition, j.job_status AS status, j.worker_id IS NULL AS without_worker, b.provisioner_state
  FROM workspaces w
  JOIN LATERAL (SELECT * FROM workspace_builds WHERE workspace_id = w.id ORDER BY build_number DESC LIMIT 1) b ON true
  JOIN provisioner_jobs j ON j.id = b.job_id
  JOIN LATERAL (SELECT lj.* FROM workspace_builds lb JOIN provisioner_jobs lj ON lj.id = lb.job_id WHERE lb.workspace_id = w.id AND lb.build_number = 1) b1 ON true
 WHERE w.name !~ '^antagonist'
 ORDER BY w.name;

-- Two to be cancelled, and every neighbour that is to be left alone.
SELECT count(fixture.prebuild('start', 'pending', 'p1', 'stale ' || n, age => n * interval '1 hour')) FROM generate_series(1, 2) n;
SELECT count(fixture.prebuild('start', 'pending', 'p2', 'left: of the active version', version => 'v2')),
       count(fixture.prebuild('start', 'pending', 'p1', 'left: asked for by a person', initiator => 'ann')),
       count(fixture.prebuild('delete', 'pending', 'p1', 'left: a delete')),
       count(fixture.prebuild('start', 'running', 'p1', 'left: running')),
       count(fixture.prebuild('start', 'canceling', 'p1', 'left: canceling')),
       count(fixture.prebuild('start', 'failed', 'p1', 'left: failed')),
       count(fixture.prebuild('start', 'pending', 'p1', 'left: a person''s by now', owner => 'ann')),
       count(fixture.prebuild('start', 'pending', NULL, 'left: without preset'));
SELECT count(fixture.build(fixture.prebuild('start', 'canceled', 'p1', 'left: build 2'), 'start', 'pending', 'v1', 'p1'));
SELECT count(fixture.prebuild('start', 'pending', 'p1', 'left: picked up'));
UPDATE provisioner_jobs SET worker_id = fixture.id('daemon')
 WHERE id = (SELECT job_id FROM live_prebuilds WHERE workspace_id = fixture.id('left: picked up'));
SELECT count(fixture.prebuild('start', 'pending', 'p1', 'left: cancelled by a person'));
UPDATE provisioner_jobs SET canceled_at = fixture.noon()
 WHERE id = (SELECT job_id FROM live_prebuilds WHERE workspace_id = fixture.id('left: cancelled by a person'));
SELECT count(fixture.prebuild('start', 'pending', 'p1', 'left: completed and cancelled by a person'));
UPDATE provisioner_jobs SET canceled_at = fixture.noon(), completed_at = fixture.noon()
 WHERE id = (SELECT job_id FROM live_prebuilds WHERE workspace_id = fixture.id('left: completed and cancelled by a person'));

SELECT preset, action, cause, count, prebuilds, reason FROM fixture.plan();
SELECT preset_name, active, desired, starting, deleting, pending_non_active, failed FROM prebuilds_status(fixture.noon());
SELECT * FROM fixture.passes();
SELECT * FROM fixture.ends;
SELECT preset_name, starting, deleting, pending_non_active, failed FROM prebuilds_status(fixture.noon());

-- Presets of deprecated and of deleted templates are no more active than those of another version.
CALL fixture.template('deprecated'); CALL fixture.version('d1', 'deprecated'); CALL fixture.preset('of deprecated', 1, 'd1');
CALL fixture.template('deleted'); CALL fixture.version('e1', 'deleted'); CALL fixture.preset('of deleted', 1, 'e1');
UPDATE templates SET deprecated = 'old' WHERE name = 'deprecated';
UPDATE templates SET deleted = true WHERE name = 'deleted';
SELECT count(fixture.prebuild('start', 'pending', 'of deprecated', 'gone: deprecated', 'd1')),
       count(fixture.prebuild('start', 'pending', 'of deleted', 'gone: deleted', 'e1'));
SELECT preset, action, cause, count, prebuilds, reason FROM fixture.plan();
SELECT * FROM fixture.passes(2);
SELECT * FROM fixture.ends WHERE name ~ '^gone';

-- If it cannot be written, nothing of it is, and the other presets are not concerned.
CALL fixture.preset('q1', desired => 1, version => 'v1');
SELECT count(fixture.prebuild('start', 'pending', 'p1', 'stuck')), count(fixture.prebuild('start', 'pending', 'p1', 'stuck too')),
       count(fixture.prebuild('start', 'pending', 'q1', 'free'));
CREATE FUNCTION fixture.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused' USING ERRCODE = 'FX001';
END
$$;
CREATE TRIGGER refuse BEFORE UPDATE ON workspaces FOR EACH ROW WHEN (NEW.name = 'stuck' AND NEW.deleted) EXECUTE FUNCTION fixture.refuse();
SELECT * FROM fixture.passes(1);
SELECT name, deleted, first, latest FROM fixture.ends WHERE name ~ '^(stuck|free)';
SELECT p.name, f.created_at, f.sqlstate, f.message FROM preset_failures f JOIN template_version_presets p ON p.id = f.preset_id;
DROP TRIGGER refuse ON workspaces;
SELECT * FROM fixture.passes(2);
SELECT name, deleted, first, latest FROM fixture.ends WHERE name ~ '^(stuck|free)';

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
