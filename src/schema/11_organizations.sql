-- Organizations, people, and the site-wide settings.

CREATE TABLE prebuilds.organizations (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    name         text        NOT NULL,
    display_name text        NOT NULL DEFAULT '',
    description  text        NOT NULL DEFAULT '',
    is_default   boolean     NOT NULL DEFAULT false,
    deleted      boolean     NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX organizations_name_key ON prebuilds.organizations (lower(name)) WHERE NOT deleted;
COMMENT ON TABLE prebuilds.organizations IS 'Tenants: templates, workspaces, jobs and daemons belong to exactly one';

CREATE TABLE prebuilds.users (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    email      text        NOT NULL,
    username   text        NOT NULL,
    name       text        NOT NULL DEFAULT '',
    status     text        NOT NULL DEFAULT 'active',
    rbac_roles text[]      NOT NULL DEFAULT '{}',
    is_system  boolean     NOT NULL DEFAULT false,
    deleted    boolean     NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX users_username_key ON prebuilds.users (lower(username)) WHERE NOT deleted;
CREATE UNIQUE INDEX users_email_key ON prebuilds.users (lower(email)) WHERE NOT deleted;
COMMENT ON TABLE prebuilds.users IS 'People who own workspaces, and the prebuilds user, who owns the ones in stock';
COMMENT ON COLUMN prebuilds.users.rbac_roles IS
    'Site-wide roles; template-admin and owner are told of a pool that stopped creating';
COMMENT ON COLUMN prebuilds.users.is_system IS 'Not a person: made by the install script';

INSERT INTO prebuilds.users (id, username, email, is_system)
VALUES (prebuilds.system_user_id(), 'prebuilds', 'prebuilds@system', true);

CREATE TABLE prebuilds.organization_members (
    organization_id uuid        NOT NULL REFERENCES prebuilds.organizations ON DELETE CASCADE,
    user_id         uuid        NOT NULL REFERENCES prebuilds.users ON DELETE CASCADE,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    roles           text[]      NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX organization_members_user_id_idx ON prebuilds.organization_members (user_id);
COMMENT ON TABLE prebuilds.organization_members IS
    'Who belongs to an organization; a pass adds the prebuilds user wherever a preset has prebuilds';
COMMENT ON COLUMN prebuilds.organization_members.roles IS
    'Roles in this organization; organization-template-admin and organization-admin are told of a pool that stopped creating';

CREATE TABLE prebuilds.groups (
    id              uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    name            text        NOT NULL,
    organization_id uuid        NOT NULL REFERENCES prebuilds.organizations ON DELETE CASCADE,
    display_name    text        NOT NULL DEFAULT '',
    quota_allowance integer     NOT NULL DEFAULT 0,
    UNIQUE (organization_id, name)
);
COMMENT ON TABLE prebuilds.groups IS
    'Groups of an organization; coderprebuiltworkspaces gives the prebuilds user its quota';
COMMENT ON COLUMN prebuilds.groups.quota_allowance IS 'What each member may spend, in the unit of daily_cost';

CREATE TABLE prebuilds.group_members (
    user_id  uuid NOT NULL REFERENCES prebuilds.users ON DELETE CASCADE,
    group_id uuid NOT NULL REFERENCES prebuilds.groups ON DELETE CASCADE,
    UNIQUE (user_id, group_id)
);
CREATE INDEX group_members_group_id_idx ON prebuilds.group_members (group_id);
ALTER TABLE prebuilds.group_members REPLICA IDENTITY USING INDEX group_members_user_id_group_id_key;
COMMENT ON TABLE prebuilds.group_members IS 'Who belongs to a group';

CREATE TABLE prebuilds.site_configs (
    key   text PRIMARY KEY,
    value text NOT NULL DEFAULT '',
    CONSTRAINT site_configs_prebuilds_settings_check
        CHECK (CASE WHEN key = 'prebuilds_settings'
                    THEN jsonb_typeof(value::jsonb -> 'reconciliation_paused') IS NOT DISTINCT FROM 'boolean'
                    ELSE true END)
);
COMMENT ON TABLE prebuilds.site_configs IS 'Site-wide settings';
COMMENT ON COLUMN prebuilds.site_configs.value IS
    'For the key prebuilds_settings: JSON with reconciliation_paused true or false, and who changed it when and why; '
    'without that row nothing is paused';
