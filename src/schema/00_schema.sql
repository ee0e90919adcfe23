-- Everything but the API functions lives in a schema of our own. No IF NOT EXISTS: a schema that somebody made
-- first may hold objects that would run as us.
CREATE SCHEMA prebuilds;

COMMENT ON SCHEMA prebuilds IS
    'pg_prebuilds: organizations, templates, workspaces, builds and the provisioner queue, in Coder''s own names';
