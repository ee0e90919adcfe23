-- A claim that replaced resources is recorded once, and told to every template admin; the outbox hands out once.
CREATE EXTENSION pg_prebuilds;
\getenv source PG_ABS_SRCDIR
\set pool :source '/sql/include/pool.sql'
\set ECHO none
\i :pool
\set ECHO all
\set nobody '00000000-0000-0000-0000-000000000001'
INSERT INTO prebuilds.users (username, email, rbac_roles, deleted) VALUES
    ('site admin', 'a@localhost', '{template-admin,auditor}', false), ('site owner', 'b@localhost', '{owner}', false),
    ('auditor', 'c@localhost', '{auditor}', false), ('gone', 'd@localhost', '{owner}', true),
    ('admin here', 'e@localhost', '{}', false), ('template admin here', 'f@localhost', '{}', false), ('admin elsewhere', 'g@localhost', '{}', false);
INSERT INTO prebuilds.organizations (name) VALUES ('elsewhere');
INSERT INTO prebuilds.organization_members (organization_id, user_id, roles)
SELECT o.id, u.id, m.roles FROM (VALUES ('acme', 'admin here', '{organization-admin}'::text[]), ('acme', 'template admin here', '{organization-template-admin}'),
    ('elsewhere', 'admin elsewhere', '{organization-admin}'), ('acme', 'ann', '{organization-member}')) AS m (organization, username, roles)
JOIN prebuilds.organizations o ON o.name = m.organization JOIN prebuilds.users u ON u.username = m.username;

SELECT pg_temp.prebuild(:'small', 'prebuild', '1 hour') AS prebuild \gset
SELECT prebuilds_claim(:'small', :'ann', 'mine') = :'prebuild' AS claimed;
SELECT id AS build FROM prebuilds.workspace_builds WHERE workspace_id = :'prebuild' AND build_number = 2 \gset
SELECT prebuilds_track_resource_replacement(:'prebuild', :'build', '{"docker_container.main": ["env", "image"], "disk.home": []}') AS notifications;
SELECT prebuilds_track_resource_replacement(:'prebuild', :'build', '{"docker_container.main": ["env"]}') AS told_before;
SELECT preset_id = :'small' AS small, workspace_id = :'prebuild' AS workspace, replacements FROM prebuilds.resource_replacements;

SELECT kind, count(*) FROM prebuilds_take_notifications(1) GROUP BY kind;
SELECT DISTINCT kind, payload - 'workspace_id' AS payload FROM prebuilds_take_notifications();
SELECT u.username, n.delivered_at IS NOT NULL AS delivered FROM prebuilds.notifications n JOIN prebuilds.users u ON u.id = n.user_id ORDER BY u.username;
SELECT count(*) FROM prebuilds_take_notifications();

-- A workspace that was no prebuild.
SELECT workspace_id AS scratch FROM prebuilds_create_workspace(:'template', :'ann', 'scratch', '{"size": "l"}') \gset
SELECT id AS scratch_build FROM prebuilds.workspace_builds WHERE workspace_id = :'scratch' \gset
\pset format unaligned
\pset tuples_only on
SELECT replace(pg_temp.refused($$SELECT prebuilds_track_resource_replacement(%L, %L, '{"vm": ["image"]}')$$, :'scratch', :'scratch_build'), :'scratch', 'scratch');
SELECT pg_temp.refused($$SELECT prebuilds_track_resource_replacement(NULL, %L, '{"vm": ["image"]}')$$, :'build');
SELECT pg_temp.refused($$SELECT prebuilds_track_resource_replacement(%L, NULL, '{"vm": ["image"]}')$$, :'prebuild');
SELECT pg_temp.refused($$SELECT prebuilds_track_resource_replacement(%L, %L, '{"vm": ["image"]}')$$, :'nobody', :'build');
SELECT left(pg_temp.refused($$SELECT prebuilds_track_resource_replacement(%L, %L, '{"vm": ["image"]}')$$, :'prebuild', :'scratch_build'), 25);
SELECT pg_temp.refused($$SELECT prebuilds_track_resource_replacement(%L, %L, NULL)$$, :'prebuild', :'build');
SELECT pg_temp.refused('SELECT prebuilds_track_resource_replacement(%L, %L, %L)', :'prebuild', :'build', r)
FROM unnest(ARRAY['{}', '[]', '{"vm": "image"}', '{"vm": [1]}', '{"": []}']) AS r;
SELECT pg_temp.refused($$SELECT prebuilds_take_notifications(NULL)$$);
SELECT pg_temp.refused($$SELECT prebuilds_take_notifications(0)$$);
SELECT count(*) FROM prebuilds.resource_replacements;

DROP EXTENSION pg_prebuilds;
