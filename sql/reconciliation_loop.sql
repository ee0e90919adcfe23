-- Pools find their size and keep it: state in, actions out, pass after pass.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all
CALL fixture.web();
CALL fixture.antagonists();

-- Two presets of a version, each by itself: one has all it wants building, the other one nothing.
CALL fixture.preset('p1', desired => 4);
CALL fixture.preset('p2', desired => 10);
SELECT count(fixture.prebuild('start', 'running', 'p1')) FROM generate_series(1, 4);
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT * FROM fixture.passes();
SELECT preset_name, desired, actual, starting FROM prebuilds_status(fixture.noon());

-- Less is wanted: what is still building stays, the oldest that run go. More is wanted: only the difference.
CALL fixture.provision();
SELECT prebuilds_set_desired(fixture.id('p1'), 1), prebuilds_set_desired(fixture.id('p2'), 8);
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT * FROM fixture.passes();
SELECT preset_name, desired, actual, extraneous, deleting FROM prebuilds_status(fixture.noon());
CALL fixture.provision();
SELECT prebuilds_set_desired(fixture.id('p1'), 3), prebuilds_set_desired(fixture.id('p2'), 0);
SELECT * FROM fixture.passes(2);
CALL fixture.provision();
SELECT * FROM fixture.passes(2);
SELECT preset_name, desired, actual, eligible FROM prebuilds_status(fixture.noon());

-- A start in progress counts whatever its age, a stop or a delete in progress does not; neither ever makes another
-- one extraneous.
CALL fixture.preset('starting', desired => 3);
SELECT count(fixture.ready('s' || n, 'starting')) FROM generate_series(1, 1) n;
SELECT count(fixture.prebuild('start', status, 'starting', age => '1 month')) FROM unnest('{pending, canceling}'::text[]) status;
CALL fixture.preset('more starting', desired => 1);
SELECT count(fixture.prebuild('start', 'running', 'more starting')) FROM generate_series(1, 3);
CALL fixture.preset('stopping', desired => 3);
SELECT count(fixture.ready('t' || n, 'stopping')) FROM generate_series(1, 2) n;
SELECT count(fixture.build(fixture.ready('t3', 'stopping'), 'stop', 'running', 'v1'));
CALL fixture.preset('deleting', desired => 3);
SELECT count(fixture.ready('d' || n, 'deleting', age => n * interval '1 hour')) FROM generate_series(1, 5) n;
SELECT count(fixture.build(fixture.ready('d' || n, 'deleting'), 'delete', 'pending', 'v1')) FROM generate_series(6, 7) n;
SELECT preset, action, cause, count, prebuilds, reason FROM fixture.plan();
SELECT preset_name, desired, actual, extraneous, starting, stopping, deleting
  FROM prebuilds_status(fixture.noon()) WHERE preset_name ~ '(start|stop|delet)ing';
SELECT * FROM fixture.passes(2);

-- The oldest goes: by age, then by id, whatever was ready first.
CALL fixture.preset('oldest', desired => 1);
SELECT count(fixture.ready(name, 'oldest', age => age::interval))
  FROM (VALUES ('one hour', '1 hour'), ('new', '1 minute'), ('two hours', '2 hours'), ('three hours', '3 hours')) AS v (name, age);
SELECT preset, action, count, prebuilds FROM fixture.plan();
SELECT * FROM fixture.passes(2);
SELECT name FROM workspaces JOIN live_prebuilds ON workspace_id = id
 WHERE preset_id = fixture.id('oldest') AND transition = 'start';

-- A promotion: the new version fills up while the old one drains, in one pass; cancels first, then deletes, then creates.
CALL fixture.version('v2');
CALL fixture.preset('p1 of v2', desired => 2, version => 'v2');
SELECT preset, action, cause, count, reason FROM fixture.plan();
SELECT * FROM fixture.passes(2);
CALL fixture.provision();
SELECT * FROM fixture.passes(2);
CALL fixture.provision();
SELECT preset_name, active, desired, desired_source, actual, eligible FROM prebuilds_status(fixture.noon());

-- One preset by itself.
SELECT prebuilds_set_desired(fixture.id('p1 of v2'), 3);
CALL fixture.preset('q of v2', desired => 1, version => 'v2');
SELECT presets_total, presets_reconciled, created, lock_acquired, paused
  FROM prebuilds_reconcile_preset(fixture.id('q of v2'), fixture.noon());
SELECT presets_total, presets_reconciled, created FROM prebuilds_reconcile_preset(fixture.id('q of v2'), fixture.noon());
SELECT preset, action, count FROM fixture.plan();
SELECT * FROM prebuilds_reconcile_preset(fixture.id('nothing'));
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM prebuilds_reconcile_preset(NULL);
\echo :LAST_ERROR_SQLSTATE

-- What a pass did is kept; a pass that did nothing leaves nothing.
SELECT presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors, lock_acquired, paused,
       elapsed BETWEEN '0' AND '1 minute' AS took_time
  FROM prebuilds_reconcile_all(fixture.noon() + interval '1 hour');
SELECT created_at, presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors, failures,
       (SELECT jsonb_agg(c - 'preset_id') FROM jsonb_array_elements(creates) c) AS creates, elapsed > '0' AS took_time
  FROM reconcile_passes ORDER BY created_at DESC LIMIT 1;
SELECT count(*) FROM reconcile_passes \gset before_
SELECT * FROM fixture.passes(2);
SELECT count(*) - :before_count AS recorded FROM reconcile_passes;
SELECT bool_and((c ->> 'created')::int <= (c ->> 'desired')::int - (c ->> 'valid')::int - (c ->> 'starting')::int) AS never_too_many
  FROM reconcile_passes, jsonb_array_elements(creates) c;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
