-- Templates, their versions, and the presets that say how many prebuilds to keep.

CREATE TABLE prebuilds.templates (
    id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    organization_id   uuid        NOT NULL REFERENCES prebuilds.organizations ON DELETE CASCADE,
    name              text        NOT NULL,
    display_name      text        NOT NULL DEFAULT '',
    description       text        NOT NULL DEFAULT '',
    active_version_id uuid,
    deleted           boolean     NOT NULL DEFAULT false,
    deprecated        text        NOT NULL DEFAULT '',
    default_ttl       bigint      NOT NULL DEFAULT 0,
    provisioner       text        NOT NULL DEFAULT 'terraform',
    created_by        uuid
);
CREATE UNIQUE INDEX templates_name_key ON prebuilds.templates (organization_id, lower(name)) WHERE NOT deleted;
CREATE INDEX templates_organization_id_idx ON prebuilds.templates (organization_id);
CREATE INDEX templates_active_version_id_idx ON prebuilds.templates (active_version_id);
COMMENT ON TABLE prebuilds.templates IS 'What a workspace is made from; its active version is the one that is kept in stock';
COMMENT ON COLUMN prebuilds.templates.active_version_id IS
    'The version that new workspaces get. No reference: together with template_versions.template_id it would close a '
    'circle, which pg_dump cannot restore';
COMMENT ON COLUMN prebuilds.templates.deprecated IS 'Message to people; not empty = deprecated, its prebuilds drain';
COMMENT ON COLUMN prebuilds.templates.default_ttl IS 'Nanoseconds until a claimed workspace stops; 0 = never';

CREATE TABLE prebuilds.template_versions (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    template_id     uuid        NOT NULL REFERENCES prebuilds.templates ON DELETE CASCADE,
    organization_id uuid        NOT NULL REFERENCES prebuilds.organizations ON DELETE CASCADE,
    name            text        NOT NULL,
    message         text        NOT NULL DEFAULT '',
    definition      jsonb       NOT NULL DEFAULT '{}',
    tags            jsonb       NOT NULL DEFAULT '{"scope": "organization", "owner": ""}',
    archived        boolean     NOT NULL DEFAULT false,
    created_by      uuid,
    pushed          jsonb,
    UNIQUE (template_id, name)
);
CREATE INDEX template_versions_organization_id_idx ON prebuilds.template_versions (organization_id);
COMMENT ON TABLE prebuilds.template_versions IS 'Immutable versions of a template';
COMMENT ON COLUMN prebuilds.template_versions.definition IS 'Opaque to us: handed to the provisioner with every job';
COMMENT ON COLUMN prebuilds.template_versions.pushed IS
    'Parameters and presets as prebuilds_push_template read them, to tell an equal push from another one after desired '
    'counts have been changed; NULL = written by other means';
COMMENT ON COLUMN prebuilds.template_versions.tags IS 'Tags of the jobs of this version: which daemons may take them';

CREATE TABLE prebuilds.template_version_parameters (
    id                  uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    template_version_id uuid        NOT NULL REFERENCES prebuilds.template_versions ON DELETE CASCADE,
    name                text        NOT NULL,
    type                text        NOT NULL DEFAULT '',
    required            boolean     NOT NULL DEFAULT true,
    default_value       text        NOT NULL DEFAULT '',
    mutable             boolean     NOT NULL DEFAULT false,
    options             jsonb       NOT NULL DEFAULT '[]',
    validation_regex    text        NOT NULL DEFAULT '',
    display_order       integer     NOT NULL DEFAULT 0,
    UNIQUE (template_version_id, name)
);
COMMENT ON TABLE prebuilds.template_version_parameters IS 'What a version asks for';
COMMENT ON COLUMN prebuilds.template_version_parameters.required IS 'It has no default: default_value is not read';
COMMENT ON COLUMN prebuilds.template_version_parameters.options IS
    'Allowed values, as strings or objects {"name", "value"}; empty = any';
COMMENT ON COLUMN prebuilds.template_version_parameters.validation_regex IS
    'Regular expression that a value must match; empty = any';

CREATE TABLE prebuilds.template_version_presets (
    id                    uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    template_version_id   uuid        NOT NULL REFERENCES prebuilds.template_versions ON DELETE CASCADE,
    name                  text        NOT NULL,
    desired_instances     integer     CHECK (desired_instances BETWEEN 0 AND 100000),
    invalidate_after_secs integer,
    prebuild_status       prebuilds.prebuild_status NOT NULL DEFAULT 'healthy',
    scheduling_timezone   text        NOT NULL DEFAULT '',
    is_default            boolean     NOT NULL DEFAULT false,
    description           text        NOT NULL DEFAULT '',
    last_invalidated_at   timestamptz,
    failures_reset_at     timestamptz,
    UNIQUE (template_version_id, name)
);
CREATE UNIQUE INDEX template_version_presets_default_key
    ON prebuilds.template_version_presets (template_version_id) WHERE is_default;
-- For membership and the snapshot: only presets with prebuilds, found by version.
CREATE INDEX template_version_presets_prebuilds_idx
    ON prebuilds.template_version_presets (template_version_id) WHERE desired_instances IS NOT NULL;
COMMENT ON TABLE prebuilds.template_version_presets IS 'Named sets of parameter values of a version, each with its pool';
COMMENT ON COLUMN prebuilds.template_version_presets.desired_instances IS
    'How many prebuilds to keep where no schedule says otherwise; NULL = this preset has no prebuilds';
COMMENT ON COLUMN prebuilds.template_version_presets.invalidate_after_secs IS
    'Seconds after which an unclaimed prebuild has expired; 0 or NULL = never';
COMMENT ON COLUMN prebuilds.template_version_presets.scheduling_timezone IS
    'Zone of the schedules, a name of pg_timezone_names; empty only without schedules';
COMMENT ON COLUMN prebuilds.template_version_presets.last_invalidated_at IS 'Prebuilds created before this have expired';
COMMENT ON COLUMN prebuilds.template_version_presets.failures_reset_at IS
    'Builds and create errors up to this instant count neither for backoff nor for the hard limit';

CREATE TABLE prebuilds.template_version_preset_parameters (
    id                         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at                 timestamptz NOT NULL DEFAULT now(),
    updated_at                 timestamptz NOT NULL DEFAULT now(),
    template_version_preset_id uuid        NOT NULL REFERENCES prebuilds.template_version_presets ON DELETE CASCADE,
    name                       text        NOT NULL,
    value                      text        NOT NULL DEFAULT '',
    UNIQUE (template_version_preset_id, name)
);
COMMENT ON TABLE prebuilds.template_version_preset_parameters IS 'The values that a preset sets';

CREATE TABLE prebuilds.template_version_preset_prebuild_schedules (
    id                uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    preset_id         uuid        NOT NULL REFERENCES prebuilds.template_version_presets ON DELETE CASCADE,
    cron_expression   text        NOT NULL DEFAULT '',
    desired_instances integer     NOT NULL DEFAULT 0 CHECK (desired_instances BETWEEN 0 AND 100000)
);
CREATE INDEX template_version_preset_prebuild_schedules_preset_id_idx
    ON prebuilds.template_version_preset_prebuild_schedules (preset_id);
COMMENT ON TABLE prebuilds.template_version_preset_prebuild_schedules IS
    'Ranges of time in which a preset wants another number of prebuilds; no two of one preset overlap';
COMMENT ON COLUMN prebuilds.template_version_preset_prebuild_schedules.cron_expression IS
    'Five cron fields read as a range of time in the preset''s zone; the minute field is *';
