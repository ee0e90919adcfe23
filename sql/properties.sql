-- Properties of passes on generated states: the plan and the status are those of a second implementation, a pass does what
-- the plan says, and is followed by nothing; the order of rows, and rows of nobody's concern, never matter.
--
-- PROPERTY_STATES=100000 for more of them; PROPERTY_SEED to see the states of a failure again.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\i :srcdir/test/fixtures/oracle.sql
\i :srcdir/test/fixtures/generated.sql
\i :srcdir/test/fixtures/invariants.sql
SET jit = off;
\set states 10000
SELECT floor(extract(epoch FROM clock_timestamp()))::bigint AS seed \gset
\getenv states PROPERTY_STATES
\getenv seed PROPERTY_SEED
\set ECHO all

-- What the two have to say, in the same shape, and where they differ.
CREATE VIEW fixture.status AS
SELECT s.preset_id, s.active, s.desired, s.desired_source, s.actual, s.eligible, s.expired, s.extraneous, s.starting, s.stopping, s.deleting,
       s.pending_non_active, s.failed, s.parked, s.prebuild_status, s.num_failed, s.backoff_until
  FROM prebuilds_status(generated.now()) s;
CREATE VIEW fixture.oracle_status AS
SELECT s.preset_id, s.active, s.desired, s.desired_source, s.actual, s.eligible, s.expired, s.extraneous, s.starting, s.stopping, s.deleting,
       s.pending_non_active, s.failed, s.parked, s.prebuild_status, s.num_failed, s.backoff_until
  FROM oracle.status(generated.now()) s;
CREATE VIEW fixture.actions AS
SELECT p.preset_id, p.action, p.cause, p.count, p.workspace_ids, p.retry_at FROM prebuilds_plan(generated.now()) p;
CREATE TABLE fixture.plan_before AS TABLE fixture.actions WITH NO DATA;
CREATE TABLE fixture.status_before AS TABLE fixture.status WITH NO DATA;
CREATE TABLE fixture.failures (seed bigint, property text, difference text);
CREATE TABLE fixture.seen (kind text, presets bigint);

CREATE FUNCTION fixture.differences(one text, other text) RETURNS TABLE (difference text) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format('WITH one AS MATERIALIZED (SELECT x::text AS line FROM %s x), other AS MATERIALIZED (SELECT x::text AS line FROM %s x) '
                                'SELECT ''- '' || d.line FROM (TABLE one EXCEPT ALL TABLE other) d UNION ALL SELECT ''+ '' || d.line FROM (TABLE other EXCEPT ALL TABLE one) d',
                                one, other);
END
$$;
CREATE PROCEDURE fixture.expect_equal(property text, one text, other text) LANGUAGE sql AS $$
    INSERT INTO fixture.failures SELECT generated.seed(), property, d.difference FROM fixture.differences(one, other) d LIMIT 5
$$;
CREATE PROCEDURE fixture.expect_nothing(property text, rows text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO fixture.failures SELECT generated.seed(), %L, x::text FROM (%s) x LIMIT 5', property, rows);
END
$$;

-- What a pass has written, in the shape of a plan: the builds that nobody knew before.
CREATE TABLE fixture.known (id uuid PRIMARY KEY);
CREATE VIEW fixture.written AS
SELECT coalesce(p.preset_id, b.template_version_preset_id) AS preset_id,
       CASE WHEN b.transition = 'start' THEN 'create' WHEN j.job_status = 'canceled' THEN 'cancel_pending' ELSE 'delete' END AS action,
       count(*)::int, array_agg(b.workspace_id ORDER BY b.workspace_id) FILTER (WHERE b.transition = 'delete') AS workspaces
  FROM workspace_builds b
  LEFT JOIN oracle.prebuilds p ON p.workspace_id = b.workspace_id
  LEFT JOIN LATERAL (SELECT ej.job_status FROM workspace_builds e JOIN provisioner_jobs ej ON ej.id = e.job_id
                      WHERE e.workspace_id = b.workspace_id AND e.build_number = b.build_number - 1) j ON true
 WHERE NOT EXISTS (SELECT FROM fixture.known k WHERE k.id = b.id)
 GROUP BY 1, 2;
CREATE VIEW fixture.planned AS
SELECT p.preset_id, p.action, sum(p.count)::int AS count,
       CASE WHEN p.action <> 'create' THEN (SELECT array_agg(w.id ORDER BY w.id) FROM fixture.plan_before q, unnest(q.workspace_ids) w (id)
                                             WHERE q.preset_id = p.preset_id AND q.action = p.action) END AS workspaces
  FROM fixture.plan_before p WHERE p.count > 0 GROUP BY 1, 2;

CREATE PROCEDURE fixture.compare(moment text) LANGUAGE plpgsql AS $$
BEGIN
    CALL oracle.look(generated.now());
    CALL fixture.expect_equal('the status is the oracle''s ' || moment, 'fixture.status', 'fixture.oracle_status');
    CALL fixture.expect_equal('the plan is the oracle''s ' || moment, 'fixture.actions', 'oracle.plan(generated.now())');
END
$$;
CREATE PROCEDURE fixture.pass(moment text) LANGUAGE plpgsql AS $$
DECLARE
    stats record;
BEGIN
    DELETE FROM fixture.plan_before;
    DELETE FROM fixture.status_before;
    DELETE FROM fixture.known;
    INSERT INTO fixture.plan_before TABLE fixture.actions;
    INSERT INTO fixture.status_before TABLE fixture.status;
    INSERT INTO fixture.known SELECT id FROM workspace_builds;
    -- A pass over single presets finds by other means what it has to do; but each would have the cap to itself.
    IF generated.seed() % 2 = 0 AND NOT EXISTS (SELECT FROM fixture.plan_before p WHERE p.cause = 'cap') THEN
        SELECT sum(r.created)::int AS created, sum(r.deleted)::int AS deleted, sum(r.canceled)::int AS canceled,
               sum(r.presets_reconciled)::int AS presets_reconciled, sum(r.conflicts)::int AS conflicts, sum(r.errors)::int AS errors
          INTO stats
          FROM template_version_presets p CROSS JOIN LATERAL prebuilds_reconcile_preset(p.id, generated.now()) r;
    ELSE
        SELECT * INTO stats FROM prebuilds_reconcile_all(generated.now());
    END IF;
    CALL fixture.expect_equal('a pass does what is planned ' || moment, 'fixture.planned', 'fixture.written');
    CALL fixture.expect_nothing('its stats are right ' || moment, format(
        'SELECT %L FROM (SELECT coalesce(sum(count) FILTER (WHERE action = ''create''), 0) AS created,
                                coalesce(sum(count) FILTER (WHERE action IN (''delete'', ''cancel_pending'')), 0) AS deleted,
                                coalesce(sum(count) FILTER (WHERE action = ''cancel_pending''), 0) AS canceled,
                                count(DISTINCT preset_id) AS reconciled FROM fixture.plan_before) p
          WHERE (created, deleted, canceled, reconciled, 0, 0) IS DISTINCT FROM (%s, %s, %s, %s, %s, %s)',
        stats, stats.created, stats.deleted, stats.canceled, stats.presets_reconciled, stats.conflicts, stats.errors));
    CALL fixture.expect_nothing('nothing is left to do ' || moment, $q$
        SELECT * FROM fixture.actions a WHERE a.count > 0 AND NOT EXISTS (SELECT FROM fixture.plan_before p WHERE p.cause = 'cap') $q$);
    CALL fixture.expect_nothing('the status that was shown is stored ' || moment, $q$
        SELECT p.name, p.prebuild_status, s.prebuild_status AS should_be FROM template_version_presets p JOIN fixture.status_before s ON s.preset_id = p.id
         WHERE p.prebuild_status::text <> s.prebuild_status $q$);
    CALL fixture.expect_nothing('the invariants hold ' || moment, 'SELECT * FROM check_invariants()');
END
$$;

CREATE PROCEDURE fixture.check_state(seed bigint, templates int) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM fixture.failures;
    DELETE FROM fixture.seen;
    CALL generated.state(seed, templates);
    CALL fixture.compare('as generated');
    INSERT INTO fixture.seen SELECT k, count(DISTINCT preset_id) FROM fixture.actions a, LATERAL (VALUES (concat_ws(' ', a.action, a.cause))) v (k) GROUP BY k;
    INSERT INTO fixture.seen SELECT 'by schedule', count(*) FROM fixture.status WHERE desired_source = 'schedule';
    INSERT INTO fixture.seen SELECT 'some eligible', count(*) FROM fixture.status WHERE eligible > 0;

    DELETE FROM fixture.plan_before;
    DELETE FROM fixture.status_before;
    INSERT INTO fixture.plan_before TABLE fixture.actions;
    INSERT INTO fixture.status_before TABLE fixture.status;
    CALL generated.stir();
    CALL fixture.expect_equal('unrelated rows and their order change no plan', 'fixture.plan_before', 'fixture.actions');
    CALL fixture.expect_equal('unrelated rows and their order change no status', 'fixture.status_before', 'fixture.status');

    CALL fixture.pass('of the first pass');
    -- What was at work has come to its end; what runs by now and is too much, or expired, or not wanted, goes.
    CALL fixture.provision(generated.now());
    CALL fixture.compare('once all jobs have ended');
    CALL fixture.pass('of the second pass');
    CALL fixture.provision(generated.now());
    CALL fixture.expect_nothing('a pass after all jobs have ended is empty', $q$
        SELECT * FROM fixture.actions a WHERE a.count > 0 AND NOT EXISTS (SELECT FROM fixture.plan_before p WHERE p.cause = 'cap') $q$);
END
$$;
-- As many states as asked for, some 250 presets at a time, rolled back; what was found out is kept.
CREATE PROCEDURE fixture.check_states(first_seed bigint, states int) LANGUAGE plpgsql AS $$
DECLARE
    seed bigint := first_seed;
    presets bigint := 0;
    failures fixture.failures[];
    seen fixture.seen[];
BEGIN
    WHILE presets < states LOOP
        PERFORM set_config('fixture.seed', seed::text, false);
        COMMIT;
        CALL fixture.check_state(seed, 40);
        presets := presets + (SELECT count(*) FROM template_version_presets);
        failures := ARRAY (SELECT f FROM fixture.failures f);
        seen := ARRAY (SELECT x FROM fixture.seen x);
        ROLLBACK;
        INSERT INTO fixture.failures SELECT f.* FROM unnest(failures) f;
        INSERT INTO fixture.seen SELECT x.* FROM unnest(seen) x;
        seed := seed + 1;
    END LOOP;
    COMMIT;
END
$$;
CALL fixture.check_states(:seed, :states);
\if :ERROR
SELECT current_setting('fixture.seed') AS seed;
\endif
SELECT * FROM fixture.failures ORDER BY seed LIMIT 20;
-- Everything there is to see has been seen.
SELECT kind, coalesce(sum(s.presets), 0) > 0 OR :states < 5000 AS seen
  FROM unnest('{backoff, by schedule, cancel_pending inactive, create, delete expired, delete extraneous, delete inactive, some eligible,
                withhold cap, withhold hard_limited, withhold validation_failed}'::text[]) AS kind LEFT JOIN fixture.seen AS s USING (kind)
 GROUP BY kind ORDER BY kind;

SET client_min_messages = warning;
DROP SCHEMA generated, oracle, fixture CASCADE;
DROP FUNCTION check_invariants(boolean);
DROP EXTENSION pg_prebuilds;
