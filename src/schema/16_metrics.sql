-- What metrics are made of. Nothing is counted in place: whoever makes something happen adds a row of his own
-- (prebuild_events, metric_observations, reconcile_passes), and prebuilds.fold_metrics() adds those rows to the totals, by
-- way of metric_batches.

CREATE TABLE prebuilds.metric_observations (
    id          uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    template_id uuid        NOT NULL,
    preset_name text        NOT NULL DEFAULT '',
    metric      text        NOT NULL,
    variant     text        NOT NULL DEFAULT '',
    seconds     numeric
);
COMMENT ON TABLE prebuilds.metric_observations IS
    'Single values that finished builds and ready prebuilds add to the metrics, until they are folded into '
    'metric_totals. Written without statements, as prebuild_events is';
COMMENT ON COLUMN prebuilds.metric_observations.template_id IS
    'No reference: it would lock the template after the workspace, against the order of locks';
COMMENT ON COLUMN prebuilds.metric_observations.preset_name IS 'Empty = built without a preset';
COMMENT ON COLUMN prebuilds.metric_observations.metric IS 'A name in metric_families';
COMMENT ON COLUMN prebuilds.metric_observations.variant IS 'The value of the label that only this metric has';
COMMENT ON COLUMN prebuilds.metric_observations.seconds IS 'What a histogram observes; NULL = a counter, which adds 1';

-- By the name of the preset, as the presets of all versions of a template are one series.
CREATE TABLE prebuilds.metric_totals (
    template_id uuid    REFERENCES prebuilds.templates ON DELETE CASCADE,
    preset_name text    NOT NULL DEFAULT '',
    metric      text    NOT NULL,
    variant     text    NOT NULL DEFAULT '',
    bucket      integer NOT NULL DEFAULT 0,
    amount      bigint  NOT NULL DEFAULT 0,
    seconds     numeric NOT NULL DEFAULT 0,
    CONSTRAINT metric_totals_key UNIQUE NULLS NOT DISTINCT (template_id, preset_name, metric, variant, bucket)
);
-- Without a primary key, because template_id may be NULL: a publication of all tables would refuse every update.
ALTER TABLE prebuilds.metric_totals REPLICA IDENTITY FULL;
COMMENT ON TABLE prebuilds.metric_totals IS
    'Counters and histograms since the extension was created, without what is in metric_batches or not folded yet';
COMMENT ON COLUMN prebuilds.metric_totals.template_id IS 'NULL = of the whole database';
COMMENT ON COLUMN prebuilds.metric_totals.bucket IS
    'Of a histogram: how many bounds are below what was observed; 0 for counters';
COMMENT ON COLUMN prebuilds.metric_totals.amount IS 'The counter, or how many observations are in this bucket';
COMMENT ON COLUMN prebuilds.metric_totals.seconds IS 'Sum of the observations in this bucket';

CREATE TYPE prebuilds.metric_sum AS (
    template_id uuid, preset_name text, metric text, variant text, bucket integer, amount bigint, seconds numeric);
COMMENT ON TYPE prebuilds.metric_sum IS 'What is to be added to a row of metric_totals';

CREATE TABLE prebuilds.metric_batches (
    id   uuid                   PRIMARY KEY DEFAULT gen_random_uuid(),
    sums prebuilds.metric_sum[] NOT NULL
);
COMMENT ON TABLE prebuilds.metric_batches IS
    'What is folded, but not in metric_totals yet: one row for each batch of housekeeping';
