-- Metrics: what is observed, how it is added up, how it is shown; and the housekeeping that bounds all history.

CREATE VIEW prebuilds.metric_families AS
SELECT f.metric, f.type, f.per_preset, f.label, f.variants, f.bounds, f.help
FROM (VALUES
    -- Coder's own
    ('coderd_prebuilt_workspaces_created_total', 'counter', true, NULL, '{""}'::text[], NULL::numeric[],
     'Prebuilds that were created.'),
    ('coderd_prebuilt_workspaces_failed_total', 'counter', true, NULL, '{""}', NULL,
     'Prebuilds whose first build failed.'),
    ('coderd_prebuilt_workspaces_claimed_total', 'counter', true, NULL, '{""}', NULL,
     'Prebuilds that were claimed.'),
    ('coderd_prebuilt_workspaces_resource_replacements_total', 'counter', true, NULL, '{""}', NULL,
     'Claims that replaced resources instead of handing them over.'),
    ('coderd_prebuilt_workspaces_desired', 'gauge', true, NULL, '{""}', NULL,
     'Prebuilds that the active version wants now.'),
    ('coderd_prebuilt_workspaces_running', 'gauge', true, NULL, '{""}', NULL,
     'Running prebuilds of the active version, expired ones included.'),
    ('coderd_prebuilt_workspaces_eligible', 'gauge', true, NULL, '{""}', NULL,
     'Prebuilds of the active version that can be claimed now.'),
    ('coderd_prebuilt_workspaces_preset_hard_limited', 'gauge', true, NULL, '{""}', NULL,
     '1 while nothing is created because the newest builds all failed, else absent.'),
    ('coderd_prebuilt_workspaces_preset_validation_failed', 'gauge', true, NULL, '{""}', NULL,
     '1 while nothing is created because no workspace can be built from the preset, else absent.'),
    ('coderd_prebuilt_workspaces_reconciliation_paused', 'gauge', false, NULL, '{""}', NULL,
     '1 while no pass acts (paused, held or disabled), else 0.'),
    ('coderd_prebuilt_workspaces_metrics_last_updated', 'gauge', false, NULL, '{""}', NULL,
     'When these values were read, in seconds since 1970.'),
    ('coderd_prebuilds_reconciliation_duration_seconds', 'histogram', false, NULL, '{""}',
     '{0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10}',
     'Duration of passes that did something.'),
    ('coderd_workspace_creation_total', 'counter', true, NULL, '{""}', NULL,
     'Workspaces that were built from scratch for a user, at their first successful start.'),
    ('coderd_workspace_creation_duration_seconds', 'histogram', true, 'type', '{regular,prebuild}',
     '{1,10,30,60,300,600,1800,3600}',
     'Time that the first build of a workspace took, without its time in the queue, by type: regular or prebuild.'),
    ('coderd_prebuilt_workspace_claim_duration_seconds', 'histogram', true, NULL, '{""}',
     '{1,5,10,20,30,60,120,180,240,300}',
     'Time that the build of a claim took, without its time in the queue.'),
    -- What Coder lacks
    ('coderd_prebuilt_workspaces_claim_misses_total', 'counter', true, NULL, '{""}', NULL,
     'Claims that found no eligible prebuild.'),
    ('coderd_prebuilt_workspace_claim_wait_seconds', 'histogram', true, NULL, '{""}',
     '{1,5,10,20,30,60,120,180,240,300}',
     'Time from a claim to the end of its build, its time in the queue included.'),
    ('coderd_prebuilt_workspace_replenish_duration_seconds', 'histogram', true, NULL, '{""}',
     '{1,10,30,60,300,600,1800,3600}',
     'Time from the creation of a prebuild until it could be claimed first.'),
    ('coderd_prebuilt_workspaces_expired', 'gauge', true, NULL, '{""}', NULL,
     'Running prebuilds that have expired, of all versions.'),
    ('coderd_prebuilt_workspaces_extraneous', 'gauge', true, NULL, '{""}', NULL,
     'Running prebuilds beyond the desired number, without expired ones.'),
    ('coderd_prebuilt_workspaces_starting', 'gauge', true, NULL, '{""}', NULL,
     'Prebuilds whose start is queued or at work, of all versions.'),
    ('coderd_prebuilt_workspaces_failed_remaining', 'gauge', true, NULL, '{""}', NULL,
     'Prebuilds whose latest build failed or was canceled and that nobody has deleted, of all versions.'),
    ('coderd_prebuilt_workspaces_preset_backoff', 'gauge', true, NULL, '{""}', NULL,
     '1 while creates wait because of recent failures, else absent.'),
    ('coderd_prebuilds_reconciliation_actions_total', 'counter', false, 'action', '{create,delete,cancel}', NULL,
     'Prebuilds created, deleted and canceled by passes.'),
    ('coderd_prebuilds_reconciliation_conflicts_total', 'counter', false, NULL, '{""}', NULL,
     'Prebuilds that a pass left to the next one because somebody else was changing them.'),
    ('coderd_prebuilds_reconciliation_errors_total', 'counter', false, NULL, '{""}', NULL,
     'Presets that passes left out because of an error.'),
    ('coderd_prebuilds_reconciliation_passes_total', 'counter', false, 'outcome', NULL, NULL,
     'Passes since the server started: acted, idle, paused, without_lock (another one was running) or failed.')
) AS f (metric, type, per_preset, label, variants, bounds, help);
COMMENT ON VIEW prebuilds.metric_families IS
    'The metrics: per_preset ones have the labels template_name, preset_name and organization_name; label is a further '
    'one, with the values variants (NULL = counted elsewhere); bounds are the upper bounds of a histogram''s buckets, in '
    'seconds';

-- Observations -----------------------------------------------------------------------------------------------------

-- Inlined. Each LATERAL with LIMIT 1 is a fence: joined freely, the planner may hash all versions ever pushed.
CREATE FUNCTION prebuilds.series_of(preset_id uuid) RETURNS TABLE (template_id uuid, preset_name text)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT v.template_id, p.name
        FROM (SELECT lp.name, lp.template_version_id FROM prebuilds.template_version_presets AS lp
              WHERE lp.id = series_of.preset_id LIMIT 1) AS p
        CROSS JOIN LATERAL (SELECT lv.template_id FROM prebuilds.template_versions AS lv
                            WHERE lv.id = p.template_version_id LIMIT 1) AS v;
    END;
COMMENT ON FUNCTION prebuilds.series_of(uuid) IS
    'What the series of a preset are known by: its template and its name';

CREATE FUNCTION prebuilds.observe_ready_prebuild(workspace_id uuid, now timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
BEGIN
    INSERT INTO prebuilds.metric_observations (id, created_at, template_id, preset_name, metric, seconds)
    SELECT prebuilds.uuid_v7(now), now, s.template_id, s.preset_name,
           'coderd_prebuilt_workspace_replenish_duration_seconds', greatest(extract(epoch FROM now - l.created_at), 0)
    FROM prebuilds.live_prebuilds AS l
    CROSS JOIN LATERAL prebuilds.series_of(l.preset_id) AS s
    WHERE l.workspace_id = workspace_id
      AND l.build_number = 1 AND l.transition = 'start' AND l.job_status = 'succeeded' AND l.ready
      AND isfinite(l.created_at);
END
$$;
COMMENT ON FUNCTION prebuilds.observe_ready_prebuild(uuid, timestamptz) IS
    'Adds to metric_observations how long it took from the creation of a prebuild until now that it is ready; nothing '
    'while it is not, nor for any other workspace, nor for one that was created at an infinite instant';

-- Totals -----------------------------------------------------------------------------------------------------------

-- The view below and fold_batch() say the same by these three, which are inlined.
CREATE FUNCTION prebuilds.counter_of(preset_id uuid, occurrence text)
    RETURNS TABLE (template_id uuid, preset_name text, metric text)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT s.template_id, s.preset_name,
               CASE counter_of.occurrence
                   WHEN 'claim_succeeded' THEN 'coderd_prebuilt_workspaces_claimed_total'
                   WHEN 'claim_missed' THEN 'coderd_prebuilt_workspaces_claim_misses_total'
                   WHEN 'created' THEN 'coderd_prebuilt_workspaces_created_total' END
        FROM prebuilds.series_of(counter_of.preset_id) AS s;
    END;
COMMENT ON FUNCTION prebuilds.counter_of(uuid, text) IS
    'The counter of what happens to a preset: the event_type of a prebuild_event, or created';

CREATE FUNCTION prebuilds.points_of_pass(pass prebuilds.reconcile_passes)
    RETURNS TABLE (metric text, variant text, amount integer, seconds numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT c.metric, c.variant, c.amount, c.seconds
        FROM (VALUES
            ('coderd_prebuilds_reconciliation_duration_seconds', '', 1, extract(epoch FROM (pass).elapsed)),
            ('coderd_prebuilds_reconciliation_actions_total', 'create', (pass).created, NULL),
            ('coderd_prebuilds_reconciliation_actions_total', 'delete', (pass).deleted, NULL),
            ('coderd_prebuilds_reconciliation_actions_total', 'cancel', (pass).canceled, NULL),
            ('coderd_prebuilds_reconciliation_conflicts_total', '', (pass).conflicts, NULL),
            ('coderd_prebuilds_reconciliation_errors_total', '', (pass).errors, NULL)
        ) AS c (metric, variant, amount, seconds)
        WHERE c.amount > 0;
    END;
COMMENT ON FUNCTION prebuilds.points_of_pass(prebuilds.reconcile_passes) IS
    'What a pass adds to the metrics of the whole database; seconds to a histogram';

CREATE FUNCTION prebuilds.bucket(seconds numeric, bounds numeric[]) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(width_bucket(seconds, bounds) - (seconds = ANY (bounds))::integer, 0);
COMMENT ON FUNCTION prebuilds.bucket(numeric, numeric[]) IS
    'How many bounds of a histogram, in ascending order, are below a value; 0 for what is no histogram';

CREATE VIEW prebuilds.unfolded_metrics AS
SELECT s.template_id, s.preset_name, s.metric, s.variant, s.bucket, s.amount, s.seconds
FROM prebuilds.metric_batches AS b CROSS JOIN LATERAL unnest(b.sums) AS s
UNION ALL
SELECT u.template_id, u.preset_name, u.metric, u.variant, prebuilds.bucket(u.seconds, f.bounds), u.amount,
       coalesce(u.seconds, 0)
FROM (
    SELECT c.template_id, c.preset_name, c.metric, '', 1, NULL::numeric
    FROM prebuilds.prebuild_events AS e
    CROSS JOIN LATERAL prebuilds.counter_of(e.preset_id, e.event_type) AS c
    WHERE NOT e.folded
    UNION ALL
    SELECT o.template_id, o.preset_name, o.metric, o.variant, 1, o.seconds
    FROM prebuilds.metric_observations AS o
    UNION ALL
    SELECT NULL, '', p.metric, p.variant, p.amount, p.seconds
    FROM prebuilds.reconcile_passes AS r
    CROSS JOIN LATERAL prebuilds.points_of_pass(r) AS p
    WHERE NOT r.folded
    UNION ALL
    SELECT c.template_id, c.preset_name, c.metric, '', n.created, NULL
    FROM prebuilds.reconcile_passes AS r
    CROSS JOIN LATERAL jsonb_to_recordset(r.creates) AS n (preset_id uuid, created integer)
    CROSS JOIN LATERAL prebuilds.counter_of(n.preset_id, 'created') AS c
    WHERE NOT r.folded
) AS u (template_id, preset_name, metric, variant, amount, seconds)
JOIN prebuilds.metric_families AS f ON f.metric = u.metric;
COMMENT ON VIEW prebuilds.unfolded_metrics IS 'What has happened and is not in metric_totals yet, in its columns';

-- All lists are worked off oldest first, in batches. While somebody holds an old snapshot, the rows that have left a
-- list stay in its index: so a batch goes on where the one before it ended.
CREATE TYPE prebuilds.house_progress AS (
    more boolean, batches integer, taken integer, event timestamptz, observation uuid, pass timestamptz,
    old_miss timestamptz, old_claim timestamptz, old_pass timestamptz, old_notification timestamptz,
    old_failure timestamptz, old_line bigint);
COMMENT ON TYPE prebuilds.house_progress IS
    'Whether there is more to do, how many batches it has not added to the totals, how many rows the last step of '
    'housekeeping took, and up to where each list is worked off';

CREATE FUNCTION prebuilds.house_start() RETURNS prebuilds.house_progress
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ROW(false, 0, 0, '-infinity', '00000000-0000-0000-0000-000000000000', '-infinity', '-infinity', '-infinity',
               '-infinity', '-infinity', '-infinity', -9223372036854775808)::prebuilds.house_progress;
COMMENT ON FUNCTION prebuilds.house_start() IS 'Nothing is done yet';

-- A batch costs what is in it, however much waits and whatever the statistics say: it goes by the list of what is not
-- folded once, to choose and to lock; from then on it goes by place, and adds up what it has marked or deleted itself.
-- Not to the totals: while somebody holds an old snapshot, each change of a total leaves a row that all later ones walk
-- over. So a total is changed once for many batches.
CREATE FUNCTION prebuilds.fold_batch(progress prebuilds.house_progress, max_rows integer)
    RETURNS prebuilds.house_progress
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settled constant timestamptz := clock_timestamp() - interval '10 s';
BEGIN
    -- Locked: who folds at the same time skips these rows, or finds them folded or gone when it gets to them.
    WITH event AS (
        UPDATE prebuilds.prebuild_events AS e SET folded = true
        WHERE e.ctid = ANY (ARRAY(
            SELECT c.ctid FROM prebuilds.prebuild_events AS c WHERE NOT c.folded AND c.created_at >= progress.event
            ORDER BY c.created_at LIMIT max_rows FOR UPDATE SKIP LOCKED))
        RETURNING e.created_at, e.preset_id, e.event_type
    ), observation AS (
        DELETE FROM prebuilds.metric_observations AS o
        WHERE o.ctid = ANY (ARRAY(
            SELECT c.ctid FROM prebuilds.metric_observations AS c WHERE c.id >= progress.observation
            ORDER BY c.id LIMIT max_rows FOR UPDATE SKIP LOCKED))
        RETURNING o.id, o.template_id, o.preset_name, o.metric, o.variant, o.seconds
    ), pass AS (
        UPDATE prebuilds.reconcile_passes AS r SET folded = true
        WHERE r.ctid = ANY (ARRAY(
            SELECT c.ctid FROM prebuilds.reconcile_passes AS c WHERE NOT c.folded AND c.created_at >= progress.pass
            ORDER BY c.created_at LIMIT max_rows FOR UPDATE SKIP LOCKED))
        RETURNING r AS pass
    ), occurrence (preset_id, occurrence, amount) AS (
        SELECT event.preset_id, event.event_type, count(*) FROM event GROUP BY 1, 2
        UNION ALL
        SELECT n.preset_id, 'created', sum(n.created)
        FROM pass CROSS JOIN LATERAL jsonb_to_recordset((pass.pass).creates) AS n (preset_id uuid, created integer)
        GROUP BY 1
    ), point (template_id, preset_name, metric, variant, amount, seconds) AS (
        SELECT c.template_id, c.preset_name, c.metric, '', o.amount, NULL
        FROM occurrence AS o CROSS JOIN LATERAL prebuilds.counter_of(o.preset_id, o.occurrence) AS c
        UNION ALL
        SELECT o.template_id, o.preset_name, o.metric, o.variant, 1, o.seconds FROM observation AS o
        UNION ALL
        SELECT NULL, '', p.metric, p.variant, p.amount, p.seconds
        FROM pass CROSS JOIN LATERAL prebuilds.points_of_pass(pass.pass) AS p
    ), batch AS (
        INSERT INTO prebuilds.metric_batches (sums)
        SELECT array_agg(s::prebuilds.metric_sum) FROM (
            SELECT p.template_id, p.preset_name, p.metric, p.variant, prebuilds.bucket(p.seconds, f.bounds),
                   sum(p.amount), coalesce(sum(p.seconds), 0)
            FROM point AS p JOIN prebuilds.metric_families AS f ON f.metric = p.metric
            GROUP BY 1, 2, 3, 4, 5
        ) AS s
        HAVING count(*) > 0
    )
    SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM observation) + (SELECT count(*) FROM pass),
           coalesce((SELECT max(event.created_at) FROM event), progress.event),
           coalesce((SELECT o.id FROM observation AS o ORDER BY o.id DESC LIMIT 1), progress.observation),
           coalesce((SELECT max((pass.pass).created_at) FROM pass), progress.pass)
    INTO progress.taken, progress.event, progress.observation, progress.pass;
    progress.batches := progress.batches + (progress.taken > 0)::integer;
    -- The next batch looks again at the last seconds, as not all that happened in them is committed. And rows may bear
    -- times that are yet to come.
    progress.event := least(progress.event, settled);
    progress.observation := least(progress.observation, prebuilds.uuid_v7(settled));
    progress.pass := least(progress.pass, settled);
    RETURN progress;
END
$$;
COMMENT ON FUNCTION prebuilds.fold_batch(prebuilds.house_progress, integer) IS
    'Adds up to max_rows rows of each source to a row of metric_batches; taken = the rows of all sources';

CREATE FUNCTION prebuilds.add_batches() RETURNS void
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH batch AS (
        DELETE FROM prebuilds.metric_batches AS b
        WHERE b.ctid = ANY (ARRAY(SELECT c.ctid FROM prebuilds.metric_batches AS c FOR UPDATE SKIP LOCKED))
        RETURNING b.sums
    ), added AS (
        SELECT s.template_id, s.preset_name, s.metric, s.variant, s.bucket, sum(s.amount) AS amount,
               sum(s.seconds) AS seconds
        FROM batch CROSS JOIN LATERAL unnest(batch.sums) AS s
        GROUP BY 1, 2, 3, 4, 5
    )
    INSERT INTO prebuilds.metric_totals AS t (template_id, preset_name, metric, variant, bucket, amount, seconds)
    SELECT a.template_id, a.preset_name, a.metric, a.variant, a.bucket, a.amount, a.seconds
    FROM added AS a
    WHERE a.template_id IS NULL OR (SELECT true FROM prebuilds.templates AS k WHERE k.id = a.template_id)
    -- In order of the key: two of these must not wait for each other.
    ORDER BY a.template_id, a.preset_name, a.metric, a.variant, a.bucket
    ON CONFLICT ON CONSTRAINT metric_totals_key DO UPDATE
    SET amount = t.amount + excluded.amount, seconds = t.seconds + excluded.seconds;
END
$$;
COMMENT ON FUNCTION prebuilds.add_batches() IS
    'Adds metric_batches to metric_totals, but for templates that are gone';

CREATE FUNCTION prebuilds.fold_metrics(max_rows integer DEFAULT 20000) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken constant integer := (prebuilds.fold_batch(prebuilds.house_start(), max_rows)).taken;
BEGIN
    PERFORM prebuilds.add_batches();
    RETURN taken;
END
$$;
COMMENT ON FUNCTION prebuilds.fold_metrics(integer) IS
    'Adds what has happened to metric_totals, up to max_rows rows of each source, the oldest first, and returns how '
    'many. What metrics show does not change by it. Never waits for who makes things happen; two at once share the work';

-- A preset takes its events with it, and its name is the name of a series: what is not folded yet would be lost.
CREATE FUNCTION prebuilds.fold_before_presets_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Totals are left to housekeeping: whoever changes presets may keep his transaction open for long.
    LOOP
        EXIT WHEN (prebuilds.fold_batch(prebuilds.house_start(), 20000)).taken = 0;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION prebuilds.fold_before_presets_change() IS 'Folds everything, into metric_batches';
CREATE TRIGGER a_fold_metrics BEFORE DELETE ON prebuilds.template_versions
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.fold_before_presets_change();
CREATE TRIGGER a_fold_metrics BEFORE DELETE OR UPDATE OF name ON prebuilds.template_version_presets
    FOR EACH STATEMENT EXECUTE FUNCTION prebuilds.fold_before_presets_change();

-- Exposition -------------------------------------------------------------------------------------------------------

CREATE FUNCTION prebuilds.metric_label(name text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN name || '="' || replace(replace(replace(value, '\', '\\'), '"', '\"'), E'\n', '\n') || '"';
COMMENT ON FUNCTION prebuilds.metric_label(text, text) IS 'name="value", escaped as Prometheus wants it';

CREATE FUNCTION prebuilds.metric_line(name text, labels text, value numeric) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN name || coalesce('{' || nullif(labels, '') || '}', '') || ' ' || trim_scale(value)::text || E'\n';
COMMENT ON FUNCTION prebuilds.metric_line(text, text, numeric) IS 'One sample in the exposition format';

CREATE FUNCTION prebuilds.metrics(as_of timestamptz) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
WITH pool AS MATERIALIZED (
    SELECT s.*, t.id AS template_id, v.id = t.active_version_id AS of_active_version
    FROM @extschema@.prebuilds_status(as_of) AS s
    CROSS JOIN LATERAL (SELECT p.template_version_id FROM prebuilds.template_version_presets AS p
                        WHERE p.id = s.preset_id LIMIT 1) AS p
    CROSS JOIN LATERAL (SELECT v.id, v.template_id FROM prebuilds.template_versions AS v
                        WHERE v.id = p.template_version_id LIMIT 1) AS v
    CROSS JOIN LATERAL (SELECT t.id, t.active_version_id FROM prebuilds.templates AS t
                        WHERE t.id = v.template_id LIMIT 1) AS t
), point AS (
    SELECT t.template_id, t.preset_name, t.metric, t.variant, t.bucket, t.amount::numeric, t.seconds
    FROM prebuilds.metric_totals AS t
    UNION ALL
    SELECT u.template_id, u.preset_name, u.metric, u.variant, u.bucket, u.amount, u.seconds
    FROM prebuilds.unfolded_metrics AS u
    UNION ALL
    -- A counter is there before it counts, so that its first step can be seen.
    SELECT pool.template_id, pool.preset_name, f.metric, '', 0, 0, 0
    FROM pool CROSS JOIN prebuilds.metric_families AS f
    WHERE f.per_preset AND f.type = 'counter'
    UNION ALL
    SELECT NULL, '', f.metric, variant, 0, 0, 0
    FROM prebuilds.metric_families AS f CROSS JOIN LATERAL unnest(f.variants) AS variant
    WHERE NOT f.per_preset AND f.type IN ('counter', 'histogram')
    UNION ALL
    SELECT NULL, '', 'coderd_prebuilds_reconciliation_passes_total', c.outcome, 0, c.passes, 0
    FROM prebuilds.pass_counts() AS c
    UNION ALL
    SELECT pool.template_id, pool.preset_name, g.metric, '', 0, g.value, 0
    FROM pool
    CROSS JOIN LATERAL (VALUES
        ('coderd_prebuilt_workspaces_desired', pool.desired, pool.of_active_version),
        ('coderd_prebuilt_workspaces_running', pool.actual, pool.of_active_version),
        ('coderd_prebuilt_workspaces_eligible', pool.eligible, pool.of_active_version),
        ('coderd_prebuilt_workspaces_preset_hard_limited', 1,
         pool.of_active_version AND pool.prebuild_status = 'hard_limited'),
        ('coderd_prebuilt_workspaces_preset_validation_failed', 1,
         pool.of_active_version AND pool.prebuild_status = 'validation_failed'),
        ('coderd_prebuilt_workspaces_preset_backoff', 1, pool.of_active_version AND pool.backoff_until IS NOT NULL),
        ('coderd_prebuilt_workspaces_expired', pool.expired, true),
        ('coderd_prebuilt_workspaces_extraneous', pool.extraneous, true),
        ('coderd_prebuilt_workspaces_starting', pool.starting, true),
        ('coderd_prebuilt_workspaces_failed_remaining', pool.failed, true)
    ) AS g (metric, value, shown)
    WHERE g.shown
    UNION ALL
    SELECT NULL, '', g.metric, '', 0, g.value, 0
    FROM (VALUES
        ('coderd_prebuilt_workspaces_reconciliation_paused',
         (prebuilds.paused() OR prebuilds.held() OR NOT prebuilds.setting('enabled')::boolean)::integer::numeric),
        ('coderd_prebuilt_workspaces_metrics_last_updated',
         extract(epoch FROM coalesce(as_of, clock_timestamp())))
    ) AS g (metric, value)
), series AS (
    SELECT f.metric, f.type, f.bounds,
           concat_ws(',', prebuilds.metric_label('template_name', t.name),
                     CASE WHEN f.per_preset THEN prebuilds.metric_label('preset_name', p.preset_name) END,
                     prebuilds.metric_label('organization_name', o.name),
                     prebuilds.metric_label(f.label, p.variant)) AS labels,
           p.bucket, sum(p.amount) AS amount, sum(p.seconds) AS seconds
    FROM point AS p
    JOIN prebuilds.metric_families AS f ON f.metric = p.metric
    LEFT JOIN prebuilds.templates AS t ON t.id = p.template_id
    LEFT JOIN prebuilds.organizations AS o ON o.id = t.organization_id
    WHERE p.template_id IS NULL OR NOT t.deleted
    -- By name: what has the same labels is one series.
    GROUP BY f.metric, f.type, f.bounds, f.per_preset, f.label, t.name, p.preset_name, o.name, p.variant, p.bucket
), sample AS (
    SELECT s.metric, s.labels, 0 AS position, prebuilds.metric_line(s.metric, s.labels, s.amount) AS line
    FROM series AS s WHERE s.type IN ('counter', 'gauge')
    UNION ALL
    SELECT s.metric, s.labels, b.position,
           prebuilds.metric_line(s.metric || '_bucket',
                                 concat_ws(',', nullif(s.labels, ''), prebuilds.metric_label('le', b.bound)),
                                 coalesce(sum(s.amount) FILTER (WHERE s.bucket < b.position), 0))
    FROM series AS s CROSS JOIN LATERAL unnest(s.bounds::text[] || '+Inf'::text) WITH ORDINALITY AS b (bound, position)
    WHERE s.type = 'histogram'
    GROUP BY s.metric, s.labels, b.position, b.bound
    UNION ALL
    SELECT s.metric, s.labels, 1000,
           prebuilds.metric_line(s.metric || '_sum', s.labels, sum(s.seconds))
               || prebuilds.metric_line(s.metric || '_count', s.labels, sum(s.amount))
    FROM series AS s WHERE s.type = 'histogram'
    GROUP BY s.metric, s.labels
), body AS (
    SELECT s.metric, string_agg(s.line, '' ORDER BY s.labels COLLATE "C", s.position) AS lines
    FROM sample AS s GROUP BY s.metric
)
SELECT string_agg(format(E'# HELP %s %s\n# TYPE %s %s\n', f.metric, f.help, f.metric, f.type)
                      || coalesce(b.lines, ''), '' ORDER BY f.metric COLLATE "C")
FROM prebuilds.metric_families AS f
LEFT JOIN body AS b ON b.metric = f.metric
$$;
COMMENT ON FUNCTION prebuilds.metrics(timestamptz) IS
    'The work of prebuilds_metrics() at an instant; NULL = now. Counters are always those of now';

CREATE FUNCTION @extschema@.prebuilds_metrics() RETURNS text
    LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT prebuilds.metrics(NULL)
$$;
COMMENT ON FUNCTION @extschema@.prebuilds_metrics() IS
    'All metrics in Prometheus'' text exposition format, named and labelled as Coder''s; deleted templates are left out. '
    'Gauges are counted as prebuilds_status() counts. Counters never go backwards while their template lives; they begin '
    'with the extension and know nothing of rows that were loaded. Reads no history. Durations are in seconds';

-- Housekeeping -----------------------------------------------------------------------------------------------------

CREATE FUNCTION prebuilds.prune_batch(progress prebuilds.house_progress, now timestamptz, max_rows integer)
    RETURNS prebuilds.house_progress
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    retention constant interval := prebuilds.setting('history_retention');
    -- A retention of 0 keeps everything.
    oldest constant timestamptz := CASE WHEN retention > interval '0' THEN now - retention ELSE '-infinity' END;
    -- Failures that backoff still looks at are not history.
    oldest_failure constant timestamptz :=
        least(oldest, now - prebuilds.setting('reconciliation_backoff_lookback')::interval);
BEGIN
    WITH miss AS (
        DELETE FROM prebuilds.prebuild_events AS e WHERE e.id = ANY (ARRAY(
            SELECT c.id FROM prebuilds.prebuild_events AS c
            WHERE c.folded AND c.event_type = 'claim_missed'
              AND c.created_at >= progress.old_miss AND c.created_at < oldest
            ORDER BY c.created_at LIMIT max_rows))
        RETURNING e.created_at AS place
    ), claim AS (
        DELETE FROM prebuilds.prebuild_events AS e WHERE e.id = ANY (ARRAY(
            SELECT c.id FROM prebuilds.prebuild_events AS c
            WHERE c.folded AND c.event_type = 'claim_succeeded'
              AND c.created_at >= progress.old_claim AND c.created_at < oldest
            ORDER BY c.created_at LIMIT max_rows))
        RETURNING e.created_at AS place
    ), pass AS (
        DELETE FROM prebuilds.reconcile_passes AS r WHERE r.id = ANY (ARRAY(
            SELECT c.id FROM prebuilds.reconcile_passes AS c
            WHERE c.folded AND c.created_at >= progress.old_pass AND c.created_at < oldest
            ORDER BY c.created_at LIMIT max_rows))
        RETURNING r.created_at AS place
    ), notification AS (
        DELETE FROM prebuilds.notifications AS n WHERE n.id = ANY (ARRAY(
            SELECT c.id FROM prebuilds.notifications AS c
            WHERE c.delivered_at >= progress.old_notification AND c.delivered_at < oldest
            ORDER BY c.delivered_at LIMIT max_rows))
        RETURNING n.delivered_at AS place
    ), failure AS (
        DELETE FROM prebuilds.preset_failures AS f WHERE f.id = ANY (ARRAY(
            SELECT c.id FROM prebuilds.preset_failures AS c
            WHERE c.created_at >= progress.old_failure AND c.created_at < oldest_failure
            ORDER BY c.created_at LIMIT max_rows))
        RETURNING f.created_at AS place
    ), line AS (
        -- Lines are written in order of time, nearly, so the old ones are among those with the lowest ids.
        DELETE FROM prebuilds.provisioner_job_logs AS l WHERE l.id = ANY (ARRAY(
            SELECT c.id
            FROM (SELECT first.id, first.created_at FROM prebuilds.provisioner_job_logs AS first
                  WHERE first.id >= progress.old_line ORDER BY first.id LIMIT greatest(max_rows, 1000)) AS c
            WHERE c.created_at < oldest LIMIT max_rows))
        RETURNING l.id AS place
    )
    SELECT greatest((SELECT count(*) FROM miss), (SELECT count(*) FROM claim), (SELECT count(*) FROM pass),
                    (SELECT count(*) FROM notification), (SELECT count(*) FROM failure), (SELECT count(*) FROM line)),
           coalesce((SELECT max(miss.place) FROM miss), progress.old_miss),
           coalesce((SELECT max(claim.place) FROM claim), progress.old_claim),
           coalesce((SELECT max(pass.place) FROM pass), progress.old_pass),
           coalesce((SELECT max(notification.place) FROM notification), progress.old_notification),
           coalesce((SELECT max(failure.place) FROM failure), progress.old_failure),
           coalesce((SELECT max(line.place) FROM line), progress.old_line)
    INTO progress.taken, progress.old_miss, progress.old_claim, progress.old_pass, progress.old_notification,
         progress.old_failure, progress.old_line;
    RETURN progress;
END
$$;
COMMENT ON FUNCTION prebuilds.prune_batch(prebuilds.house_progress, timestamptz, integer) IS
    'Deletes what prebuilds.history_retention no longer keeps, up to max_rows rows of each kind: folded events and '
    'passes, delivered notifications, failures, log lines. taken = the rows of the kind of which most went';

-- A client that claims in a loop from an empty pool could fill the disk with its misses.
CREATE FUNCTION prebuilds.prune_misses(progress prebuilds.house_progress, max_rows integer)
    RETURNS prebuilds.house_progress
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    WITH miss AS (
        DELETE FROM prebuilds.prebuild_events AS e WHERE e.id = ANY (ARRAY(
            SELECT c.id FROM prebuilds.prebuild_events AS c
            WHERE c.folded AND c.event_type = 'claim_missed' AND c.created_at >= progress.old_miss AND c.created_at < (
                SELECT k.created_at FROM prebuilds.prebuild_events AS k WHERE k.folded AND k.event_type = 'claim_missed'
                ORDER BY k.created_at DESC OFFSET 9999 LIMIT 1)
            ORDER BY c.created_at LIMIT max_rows))
        RETURNING e.created_at AS place
    )
    SELECT count(*), coalesce(max(miss.place), progress.old_miss) INTO progress.taken, progress.old_miss FROM miss;
    RETURN progress;
END
$$;
COMMENT ON FUNCTION prebuilds.prune_misses(prebuilds.house_progress, integer) IS
    'Deletes folded misses, up to max_rows, but never the newest 10,000, which it walks over each time';

CREATE FUNCTION prebuilds.keep_house_batch(progress prebuilds.house_progress, now timestamptz, max_rows integer)
    RETURNS prebuilds.house_progress
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    progress.more := false;
    -- A restore or a copy stays as it came until somebody says that it is to live.
    IF prebuilds.held() THEN
        RETURN progress;
    END IF;
    progress := prebuilds.fold_batch(progress, max_rows);
    IF progress.taken < max_rows THEN
        progress := prebuilds.prune_batch(progress, now, max_rows);
    END IF;
    IF progress.taken < max_rows THEN
        -- Last, and not in every batch: these two read what they leave as it is.
        PERFORM prebuilds.merge_job_queues();
        progress := prebuilds.prune_misses(progress, max_rows);
    END IF;
    progress.more := progress.taken >= max_rows;
    IF NOT progress.more OR progress.batches >= 100 THEN
        PERFORM prebuilds.add_batches();
        progress.batches := 0;
    END IF;
    RETURN progress;
END
$$;
COMMENT ON FUNCTION prebuilds.keep_house_batch(prebuilds.house_progress, timestamptz, integer) IS
    'A batch of the work of keep_house(): up to max_rows rows of each kind. What it returns is for the next batch, or, once '
    'there is no more, for when there is again: then it finds all that has come since, but for what was committed more '
    'than ten seconds late';

CREATE FUNCTION prebuilds.keep_house(now timestamptz DEFAULT clock_timestamp(), max_rows integer DEFAULT 200000)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    progress constant prebuilds.house_progress :=
        prebuilds.keep_house_batch(prebuilds.house_start(), now, max_rows);
BEGIN
    IF progress.more THEN
        PERFORM prebuilds.add_batches();    -- which a batch leaves to the last one
    END IF;
    RETURN progress.more;
END
$$;
COMMENT ON FUNCTION prebuilds.keep_house(timestamptz, integer) IS
    'Brings metric_totals up to date and deletes history that is not to be kept, all but the newest 10,000 misses '
    'included, up to max_rows rows of each kind; true = call it again, there is more. Once there is no more, merges the '
    'rows of queues. The worker does the same every minute, in small batches. Nothing happens while the database is held';
