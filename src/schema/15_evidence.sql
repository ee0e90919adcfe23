-- What happened: events that metrics are folded from, the outbox, errors, passes, and the installation itself.

-- Not a CHECK of the table, which PostgreSQL reads anew for each statement that writes it.
CREATE DOMAIN prebuilds.prebuild_event_type AS text CHECK (VALUE IN ('claim_succeeded', 'claim_missed'));
COMMENT ON DOMAIN prebuilds.prebuild_event_type IS 'What became of a claim';

CREATE TABLE prebuilds.prebuild_events (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    preset_id  uuid        NOT NULL REFERENCES prebuilds.template_version_presets ON DELETE CASCADE,
    event_type prebuilds.prebuild_event_type NOT NULL,
    folded     boolean     NOT NULL DEFAULT false
);
CREATE INDEX prebuild_events_preset_id_idx ON prebuilds.prebuild_events (preset_id, created_at);
CREATE INDEX prebuild_events_unfolded_idx ON prebuilds.prebuild_events (created_at) WHERE NOT folded;
CREATE INDEX prebuild_events_folded_idx ON prebuilds.prebuild_events (event_type, created_at) WHERE folded;
COMMENT ON TABLE prebuilds.prebuild_events IS
    'Claims and misses; rows and not counters, so that two claims of a pool never wait for each other. Written without '
    'statements: triggers FOR EACH STATEMENT and rules see nothing';
COMMENT ON COLUMN prebuilds.prebuild_events.folded IS 'It is counted in metric_batches or metric_totals, and may be purged';

CREATE TABLE prebuilds.notifications (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at   timestamptz NOT NULL DEFAULT now(),
    kind         text        NOT NULL,
    user_id      uuid        NOT NULL,
    payload      jsonb       NOT NULL DEFAULT '{}',
    delivered_at timestamptz
);
CREATE INDEX notifications_outbox_idx ON prebuilds.notifications (created_at, id) WHERE delivered_at IS NULL;
CREATE INDEX notifications_delivered_at_idx ON prebuilds.notifications (delivered_at) WHERE delivered_at IS NOT NULL;
COMMENT ON TABLE prebuilds.notifications IS 'Outbox: one row per message and person';
COMMENT ON COLUMN prebuilds.notifications.user_id IS 'To whom. No reference: users may go before they are told';
COMMENT ON COLUMN prebuilds.notifications.delivered_at IS 'When prebuilds_take_notifications handed it out; NULL = not yet';

CREATE TABLE prebuilds.resource_replacements (
    id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    preset_id          uuid        NOT NULL REFERENCES prebuilds.template_version_presets ON DELETE CASCADE,
    workspace_id       uuid        NOT NULL REFERENCES prebuilds.workspaces ON DELETE CASCADE,
    workspace_build_id uuid        NOT NULL REFERENCES prebuilds.workspace_builds ON DELETE CASCADE,
    replacements       jsonb       NOT NULL DEFAULT '{}',
    UNIQUE (workspace_build_id)
);
CREATE INDEX resource_replacements_preset_id_idx ON prebuilds.resource_replacements (preset_id);
CREATE INDEX resource_replacements_workspace_id_idx ON prebuilds.resource_replacements (workspace_id);
CREATE INDEX resource_replacements_created_at_idx ON prebuilds.resource_replacements (created_at);
COMMENT ON TABLE prebuilds.resource_replacements IS
    'Claims that replaced resources instead of handing them over, which makes a prebuild pointless';
COMMENT ON COLUMN prebuilds.resource_replacements.preset_id IS 'The preset of the workspace''s first build';
COMMENT ON COLUMN prebuilds.resource_replacements.replacements IS 'Resource -> paths that forced its replacement';

CREATE TABLE prebuilds.preset_failures (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    preset_id  uuid        NOT NULL REFERENCES prebuilds.template_version_presets ON DELETE CASCADE,
    action     text        NOT NULL DEFAULT 'create',
    sqlstate   text        NOT NULL,
    message    text        NOT NULL
);
CREATE INDEX preset_failures_preset_id_idx ON prebuilds.preset_failures (preset_id, created_at);
CREATE INDEX preset_failures_created_at_idx ON prebuilds.preset_failures (created_at);
COMMENT ON TABLE prebuilds.preset_failures IS
    'Errors that made a pass leave a preset out';
COMMENT ON COLUMN prebuilds.preset_failures.action IS
    'What failed: cancel_pending, delete or create; only the last counts for backoff, like a failed build';

CREATE TABLE prebuilds.reconcile_passes (
    id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    elapsed            interval    NOT NULL DEFAULT '0',
    presets_total      integer     NOT NULL DEFAULT 0,
    presets_reconciled integer     NOT NULL DEFAULT 0,
    created            integer     NOT NULL DEFAULT 0,
    deleted            integer     NOT NULL DEFAULT 0,
    canceled           integer     NOT NULL DEFAULT 0,
    conflicts          integer     NOT NULL DEFAULT 0,
    errors             integer     NOT NULL DEFAULT 0,
    failures           jsonb       NOT NULL DEFAULT '[]',
    creates            jsonb       NOT NULL DEFAULT '[]',
    folded             boolean     NOT NULL DEFAULT false
);
CREATE INDEX reconcile_passes_unfolded_idx ON prebuilds.reconcile_passes (created_at) WHERE NOT folded;
CREATE INDEX reconcile_passes_folded_idx ON prebuilds.reconcile_passes (created_at) WHERE folded;
COMMENT ON TABLE prebuilds.reconcile_passes IS
    'One row per pass that did something. Written without statements, as prebuild_events is';
COMMENT ON COLUMN prebuilds.reconcile_passes.created_at IS 'The instant that the pass decided for';
COMMENT ON COLUMN prebuilds.reconcile_passes.failures IS
    'The presets left out: [{"preset_id", "sqlstate", "message"}]';
COMMENT ON COLUMN prebuilds.reconcile_passes.creates IS
    'What each create was decided on: [{"preset_id", "desired", "valid", "starting", "created"}]; '
    'created never exceeds desired - valid - starting';
COMMENT ON COLUMN prebuilds.reconcile_passes.folded IS 'It is counted in metric_batches or metric_totals, and may be purged';

CREATE TABLE prebuilds.installation (
    singleton          boolean     PRIMARY KEY DEFAULT true CHECK (singleton),
    created_at         timestamptz NOT NULL DEFAULT now(),
    created_by_restore boolean     NOT NULL,
    database_oid       oid         NOT NULL,
    derived_under      text        NOT NULL DEFAULT ''
);
COMMENT ON TABLE prebuilds.installation IS
    'This installation, in one row. Held, that is without passes, reaper and hand-out of jobs, while created_by_restore '
    'or while database_oid is not this database: a copy of production must not delete production''s machines';
COMMENT ON COLUMN prebuilds.installation.created_by_restore IS
    'CREATE EXTENSION ran in a restore and nobody has resumed since';
COMMENT ON COLUMN prebuilds.installation.derived_under IS
    'What the triggers that derive data were when all of it was last compared with its sources; see '
    'prebuilds.deriving_triggers';
COMMENT ON COLUMN prebuilds.installation.database_oid IS
    'The database it was created or last resumed in; another one = this database is a copy';

-- The scripts of pg_dump and pg_restore set row_security off, which nobody else does.
INSERT INTO prebuilds.installation (created_by_restore, database_oid)
SELECT current_setting('row_security') = 'off', prebuilds.this_database();
