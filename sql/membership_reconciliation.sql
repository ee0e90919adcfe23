-- The prebuilds user is a member of every organization with prebuilds, with a quota group of its own; only what is
-- missing is written.
CREATE EXTENSION pg_prebuilds;
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\i :srcdir/test/fixtures/pools.sql
\set ECHO all

-- The six combinations there are; other columns are left as they are found.
CREATE FUNCTION fixture.organization(name text, member boolean, has_group boolean, in_group boolean, desired int) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    CALL fixture.template(name || ' template', name);
    CALL fixture.version(name || ' v1', name || ' template');
    CALL fixture.preset(name || ' preset', desired, name || ' v1');
    INSERT INTO organization_members (organization_id, user_id, created_at, roles)
    SELECT fixture.id(name), system_user_id(), '2020-01-01', '{kept}' WHERE member;
    INSERT INTO groups (id, created_at, name, organization_id, display_name, quota_allowance)
    SELECT fixture.id(name || ' group'), '2020-01-01', 'coderprebuiltworkspaces', fixture.id(name), 'Kept', 7 WHERE has_group;
    INSERT INTO group_members SELECT system_user_id(), fixture.id(name || ' group') WHERE in_group;
END
$$;
SELECT count(fixture.organization(name, member, has_group, in_group, desired)) FROM (VALUES
    ('member, group, in it', true, true, true, 0), ('member, group', true, true, false, 0), ('member', true, false, false, 0),
    ('group, in it', false, true, true, 0), ('group', false, true, false, 0), ('nothing', false, false, false, 0)) AS v (name, member, has_group, in_group, desired);
-- No prebuilds; prebuilds of an old version only; a deleted organization.
SELECT count(fixture.organization(name, member, has_group, in_group, desired)) FROM (VALUES
    ('without prebuilds', false, false, false, NULL::int), ('old version', false, false, false, 3), ('deleted', false, false, false, 3)) AS v (name, member, has_group, in_group, desired);
CALL fixture.version('old version v2', 'old version template');
UPDATE organizations SET deleted = true WHERE name = 'deleted';
CALL fixture.person('ann');
INSERT INTO organization_members (organization_id, user_id) SELECT id, fixture.id('ann') FROM organizations;

SELECT organization_name, has_prebuild_user, prebuilds_group_id IS NOT NULL AS has_group, has_prebuild_user_in_group FROM prebuilds_org_status();
SELECT organization_name, member_added, group_added, group_member_added FROM prebuilds_reconcile_membership();
SELECT organization_name, member_added, group_added, group_member_added FROM prebuilds_reconcile_membership();
SELECT o.name, m.roles AS system_roles, g.name AS group_name, g.display_name, g.quota_allowance, count(gm.user_id) AS group_members
  FROM organizations o
  LEFT JOIN organization_members m ON m.organization_id = o.id AND m.user_id = system_user_id()
  LEFT JOIN groups g ON g.organization_id = o.id
  LEFT JOIN group_members gm ON gm.group_id = g.id
 GROUP BY o.name, m.roles, g.id ORDER BY o.name;
SELECT organization_name, has_prebuild_user, prebuilds_group_id IS NOT NULL AS has_group, has_prebuild_user_in_group FROM prebuilds_org_status();

-- Every pass does it first, for the instant it runs at.
CALL fixture.template('new', 'new');
CALL fixture.version('n1', 'new');
CALL fixture.preset('n', 1, 'n1');
SELECT * FROM fixture.passes(2);
SELECT m.created_at, m.updated_at, g.created_at AS group_created_at FROM organization_members m JOIN groups g USING (organization_id) WHERE m.organization_id = fixture.id('new');
SELECT count(*) FROM organization_members WHERE organization_id = fixture.id('deleted') AND user_id = system_user_id();

-- A pass over one preset sees to its organization, whatever is missing there, and of whatever version the preset is.
CREATE VIEW fixture.incomplete AS
SELECT organization_name FROM prebuilds_org_status() WHERE NOT (has_prebuild_user AND prebuilds_group_id IS NOT NULL AND has_prebuild_user_in_group);
DELETE FROM organization_members WHERE organization_id = fixture.id('new') AND user_id = system_user_id();
TABLE fixture.incomplete;
SELECT created, deleted, errors FROM prebuilds_reconcile_preset(fixture.id('n'));
TABLE fixture.incomplete;
DELETE FROM group_members WHERE group_id = (SELECT id FROM groups WHERE organization_id = fixture.id('new'));
TABLE fixture.incomplete;
SELECT created, deleted, errors FROM prebuilds_reconcile_preset(fixture.id('n'));
TABLE fixture.incomplete;
DELETE FROM groups WHERE organization_id = fixture.id('old version');
TABLE fixture.incomplete;
SELECT created, deleted, errors FROM prebuilds_reconcile_preset(fixture.id('old version preset'));
TABLE fixture.incomplete;

-- Ten thousand presets in ten organizations: a second run writes nothing.
INSERT INTO organizations (id, name) SELECT fixture.id('many ' || o), 'many ' || o FROM generate_series(1, 10) o;
INSERT INTO templates (id, organization_id, name, active_version_id)
SELECT fixture.id('many template ' || o), fixture.id('many ' || o), 'many', fixture.id('many version ' || o) FROM generate_series(1, 10) o;
INSERT INTO template_versions (id, template_id, organization_id, name)
SELECT fixture.id('many version ' || o), fixture.id('many template ' || o), fixture.id('many ' || o), 'v1' FROM generate_series(1, 10) o;
INSERT INTO template_version_presets (template_version_id, name, desired_instances)
SELECT fixture.id('many version ' || o), 'preset ' || p, 0 FROM generate_series(1, 10) o, generate_series(1, 1000) p;
SELECT organization_name, member_added, group_added, group_member_added FROM prebuilds_reconcile_membership();
CREATE VIEW fixture.written AS
SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) AS rows FROM pg_stat_xact_user_tables WHERE schemaname = 'prebuilds';
BEGIN;
SELECT rows AS before FROM fixture.written \gset
SELECT count(*) FROM prebuilds_reconcile_membership();
SELECT presets_total, presets_reconciled FROM prebuilds_reconcile_all(fixture.noon() + interval '1 hour');
SELECT rows - :before AS written FROM fixture.written;
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA fixture CASCADE;
DROP EXTENSION pg_prebuilds;
