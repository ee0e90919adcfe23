-- The life of a template after its first push.
CREATE EXTENSION pg_prebuilds;
SET search_path = public, prebuilds;
\set VERBOSITY default
\set SHOW_CONTEXT never

CREATE FUNCTION pg_temp.active() RETURNS text LANGUAGE sql AS
$$ SELECT v.name FROM prebuilds.templates t JOIN prebuilds.template_versions v ON v.id = t.active_version_id $$;

SELECT template_id, template_version_id AS v1 FROM prebuilds_push_template('acme', 'web', 'v1', '[{"name": "small", "prebuilds": {"instances": 1}}]') \gset
SELECT template_version_id AS v2 FROM prebuilds_push_template('acme', 'web', 'v2', '[{"name": "small"}, {"name": "large"}]', activate => false) \gset

-- Promote.
SELECT pg_temp.active();
SELECT * FROM prebuilds_promote_version(:'v2');
SELECT * FROM prebuilds_promote_version(:'v2');
SELECT pg_temp.active();
UPDATE template_versions SET archived = true WHERE id = :'v1';
SELECT prebuilds_promote_version(:'v1');
SELECT prebuilds_promote_version(NULL);
SELECT prebuilds_promote_version('00000000-0000-0000-0000-000000000001');

-- Invalidate: the presets of the active version.
SELECT * FROM prebuilds_invalidate(:'template_id', '2025-06-02 12:00Z');
SELECT v.name AS version, p.name, p.last_invalidated_at = '2025-06-02 12:00Z' AS invalidated
  FROM template_version_presets p JOIN template_versions v ON v.id = p.template_version_id ORDER BY 1, 2;
SELECT prebuilds_invalidate(NULL);
SELECT prebuilds_invalidate('00000000-0000-0000-0000-000000000001');

-- Deprecate, and take it back.
SELECT * FROM prebuilds_deprecate_template(:'template_id', 'Use "api".');
SELECT * FROM prebuilds_deprecate_template(:'template_id', 'Use "api".');
SELECT deprecated FROM templates;
SELECT * FROM prebuilds_deprecate_template(:'template_id', '');
SELECT prebuilds_deprecate_template(:'template_id', NULL);
SELECT prebuilds_deprecate_template(NULL, 'gone');
SELECT prebuilds_deprecate_template('00000000-0000-0000-0000-000000000001', 'gone');

-- Delete: not while people have workspaces of it; prebuilds and what is deleted do not count.
INSERT INTO users (id, username, email) VALUES ('00000000-0000-0000-0000-000000000002', 'ann', 'ann@example.com');
INSERT INTO workspaces (owner_id, organization_id, template_id, name, deleted)
SELECT w.owner, t.organization_id, t.id, w.name, w.deleted
  FROM templates t, (VALUES ('00000000-0000-0000-0000-000000000002'::uuid, 'mine', false), ('00000000-0000-0000-0000-000000000002', 'old', true),
                            (system_user_id(), 'prebuild-a', false)) AS w (owner, name, deleted);
SELECT prebuilds_delete_template(:'template_id');
UPDATE workspaces SET deleted = true WHERE name = 'mine';
SELECT * FROM prebuilds_delete_template(:'template_id');
SELECT * FROM prebuilds_delete_template(:'template_id');
SELECT deleted FROM templates;
SELECT prebuilds_delete_template(NULL);
SELECT prebuilds_delete_template('00000000-0000-0000-0000-000000000001');

-- Deleted is deleted.
SELECT prebuilds_promote_version(:'v2');
SELECT prebuilds_deprecate_template(:'template_id', 'gone');
SELECT prebuilds_invalidate(:'template_id');

RESET search_path;
DROP EXTENSION pg_prebuilds;
