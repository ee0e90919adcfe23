-- Workspaces, their builds, and what a provisioner made for them.

CREATE TABLE prebuilds.workspaces (
    id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    owner_id           uuid        NOT NULL REFERENCES prebuilds.users,
    organization_id    uuid        NOT NULL REFERENCES prebuilds.organizations,
    template_id        uuid        NOT NULL REFERENCES prebuilds.templates,
    name               text        NOT NULL,
    deleted            boolean     NOT NULL DEFAULT false,
    autostart_schedule text,
    ttl                bigint,
    next_start_at      timestamptz,
    last_used_at       timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    dormant_at         timestamptz,
    deleting_at        timestamptz,
    automatic_updates  text        NOT NULL DEFAULT 'never',
    CONSTRAINT workspaces_prebuild_lifecycle_check CHECK (
        owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid
        OR num_nonnulls(autostart_schedule, ttl, next_start_at, dormant_at, deleting_at) = 0)
)
WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX workspaces_owner_name_key ON prebuilds.workspaces (owner_id, lower(name)) WHERE NOT deleted;
CREATE INDEX workspaces_owner_id_idx ON prebuilds.workspaces (owner_id) WITH (deduplicate_items = off);
CREATE INDEX workspaces_organization_id_idx ON prebuilds.workspaces (organization_id) WITH (deduplicate_items = off);
CREATE INDEX workspaces_template_id_idx ON prebuilds.workspaces (template_id) WITH (deduplicate_items = off);
-- The definitions of everything about prebuilds start here, whatever the number of other workspaces.
CREATE INDEX workspaces_prebuilds_idx ON prebuilds.workspaces (id) INCLUDE (created_at, template_id)
    WHERE owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::uuid AND NOT deleted;
COMMENT ON TABLE prebuilds.workspaces IS
    'Workspaces; one that the prebuilds user owns is a prebuild, and a claim changes its owner';
COMMENT ON COLUMN prebuilds.workspaces.ttl IS 'Nanoseconds from the end of a start build until it stops; NULL = never';
COMMENT ON COLUMN prebuilds.workspaces.last_used_at IS 'Year 1 = never';
COMMENT ON CONSTRAINT workspaces_prebuild_lifecycle_check ON prebuilds.workspaces IS
    'Lifecycle automation would stop or delete prebuilds behind the reconciler''s back';

CREATE TABLE prebuilds.workspace_builds (
    id                         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at                 timestamptz NOT NULL DEFAULT now(),
    updated_at                 timestamptz NOT NULL DEFAULT now(),
    workspace_id               uuid        NOT NULL REFERENCES prebuilds.workspaces ON DELETE CASCADE,
    template_version_id        uuid        NOT NULL REFERENCES prebuilds.template_versions,
    build_number               integer     NOT NULL,
    transition                 prebuilds.workspace_transition NOT NULL,
    initiator_id               uuid        NOT NULL,
    job_id                     uuid        NOT NULL UNIQUE REFERENCES prebuilds.provisioner_jobs,
    provisioner_state          bytea,
    deadline                   timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    max_deadline               timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    reason                     prebuilds.build_reason NOT NULL DEFAULT 'initiator',
    daily_cost                 integer     NOT NULL DEFAULT 0,
    template_version_preset_id uuid        REFERENCES prebuilds.template_version_presets ON DELETE SET NULL,
    open                       boolean     NOT NULL DEFAULT false,
    UNIQUE (workspace_id, build_number)
)
WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_analyze_scale_factor = 0.02);
CREATE UNIQUE INDEX workspace_builds_open_key ON prebuilds.workspace_builds (workspace_id) WHERE open;
CREATE INDEX workspace_builds_template_version_id_idx ON prebuilds.workspace_builds (template_version_id)
    WITH (deduplicate_items = off);
CREATE INDEX workspace_builds_preset_id_idx ON prebuilds.workspace_builds (template_version_preset_id)
    WITH (deduplicate_items = off)
    WHERE template_version_preset_id IS NOT NULL;
COMMENT ON TABLE prebuilds.workspace_builds IS 'Transitions of a workspace, in order of build_number; each has a job';
COMMENT ON COLUMN prebuilds.workspace_builds.initiator_id IS 'Who asked for it. No reference: users may go, builds stay';
COMMENT ON COLUMN prebuilds.workspace_builds.provisioner_state IS
    'What the provisioner needs to go on from here; opaque to us';
COMMENT ON COLUMN prebuilds.workspace_builds.deadline IS 'When the workspace stops; year 1 = never';
COMMENT ON COLUMN prebuilds.workspace_builds.max_deadline IS 'How far people may extend the deadline; year 1 = no limit';
COMMENT ON COLUMN prebuilds.workspace_builds.template_version_preset_id IS
    'The preset it was built from; may be of another version';
COMMENT ON COLUMN prebuilds.workspace_builds.open IS
    'Its job is not final. Kept by triggers; its unique index is why a workspace never has two builds at work';

CREATE TABLE prebuilds.workspace_build_parameters (
    id                 uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    workspace_build_id uuid        NOT NULL REFERENCES prebuilds.workspace_builds ON DELETE CASCADE,
    name               text        NOT NULL,
    value              text        NOT NULL DEFAULT '',
    UNIQUE (workspace_build_id, name)
);
COMMENT ON TABLE prebuilds.workspace_build_parameters IS 'The values that a build was made with';

CREATE TABLE prebuilds.workspace_resources (
    id            uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    job_id        uuid        NOT NULL REFERENCES prebuilds.provisioner_jobs ON DELETE CASCADE,
    transition    prebuilds.workspace_transition NOT NULL,
    type          text        NOT NULL DEFAULT '',
    name          text        NOT NULL,
    daily_cost    integer     NOT NULL DEFAULT 0,
    instance_type text,
    metadata      jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX workspace_resources_job_id_idx ON prebuilds.workspace_resources (job_id);
COMMENT ON TABLE prebuilds.workspace_resources IS 'What a job made, as its provisioner reported it';

CREATE TABLE prebuilds.workspace_agents (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    resource_id     uuid        NOT NULL REFERENCES prebuilds.workspace_resources ON DELETE CASCADE,
    name            text        NOT NULL,
    lifecycle_state prebuilds.workspace_agent_lifecycle_state NOT NULL DEFAULT 'created',
    parent_id       uuid,
    deleted         boolean     NOT NULL DEFAULT false,
    started_at      timestamptz,
    ready_at        timestamptz,
    first_ready_at  timestamptz,
    metadata        jsonb       NOT NULL DEFAULT '{}'
)
WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
      autovacuum_analyze_scale_factor = 0.02);
CREATE INDEX workspace_agents_resource_id_idx ON prebuilds.workspace_agents (resource_id);
COMMENT ON TABLE prebuilds.workspace_agents IS 'The processes inside a workspace that say when it is ready';
COMMENT ON COLUMN prebuilds.workspace_agents.parent_id IS
    'The agent that this one is a part of; readiness ignores parts. No reference: a table that references itself is a '
    'circle, which pg_dump cannot order';
COMMENT ON COLUMN prebuilds.workspace_agents.ready_at IS 'Since it started last; NULL = not yet';
COMMENT ON COLUMN prebuilds.workspace_agents.first_ready_at IS 'Kept when it starts again';
COMMENT ON COLUMN prebuilds.workspace_agents.deleted IS 'Of an earlier build, or of a deleted workspace';
