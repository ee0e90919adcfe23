#include "reconciler/membership.hpp"

namespace prebuilds::reconciler {

namespace {

constinit pg::Statement select_incomplete(R"sql(
  SELECT s.organization_id, s.organization_name
    FROM prebuilds.organizations_with_prebuilds s
   WHERE NOT (s.has_prebuild_user AND s.has_prebuild_user_in_group)
   ORDER BY s.organization_name, s.organization_id
)sql");

constinit pg::Statement insert_members(R"sql(
  INSERT INTO prebuilds.organization_members (organization_id, user_id, created_at, updated_at)
  SELECT i.id, 'c42fdf75-3097-471c-8c33-fb52454d81c0', $2, $2
    FROM pg_catalog.unnest($1) i (id)
      ON CONFLICT DO NOTHING
  RETURNING organization_id
)sql",
                                       UUIDARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement insert_groups(R"sql(
  INSERT INTO prebuilds.groups (id, name, organization_id, display_name, quota_allowance, created_at, updated_at)
  SELECT prebuilds.uuid_v7($2), 'coderprebuiltworkspaces', i.id, 'Prebuilt Workspaces', 0, $2, $2
    FROM pg_catalog.unnest($1) i (id)
   WHERE NOT EXISTS (SELECT FROM prebuilds.groups g
                      WHERE g.organization_id = i.id AND g.name = 'coderprebuiltworkspaces')
      ON CONFLICT DO NOTHING
  RETURNING organization_id
)sql",
                                      UUIDARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement insert_group_members(R"sql(
  WITH inserted AS (
       INSERT INTO prebuilds.group_members (user_id, group_id)
       SELECT 'c42fdf75-3097-471c-8c33-fb52454d81c0', g.id
         FROM prebuilds.groups g
        WHERE g.organization_id = ANY ($1)
          AND g.name = 'coderprebuiltworkspaces'
           ON CONFLICT DO NOTHING
       RETURNING group_id)
  SELECT g.organization_id
    FROM inserted
    JOIN prebuilds.groups g ON g.id = inserted.group_id
)sql",
                                             UUIDARRAYOID);

}  // namespace

std::vector<MembershipChange> reconcile_membership(core::Instant now) {
  std::vector<MembershipChange> changes;
  std::vector<core::Uuid> organizations;
  select_incomplete.read().each([&](pg::Row &row) {
    changes.push_back({.organization = row.uuid(), .organization_name = row.text()});
    organizations.push_back(changes.back().organization);
  });
  if (changes.empty()) return changes;

  const auto mark = [&](const pg::Rows &rows, bool MembershipChange::*what) {
    rows.each([&](pg::Row &row) {
      const core::Uuid organization = row.uuid();
      for (MembershipChange &change : changes) {
        if (change.organization == organization) change.*what = true;
      }
    });
  };
  mark(insert_members.run({organizations, now}), &MembershipChange::member_added);
  mark(insert_groups.run({organizations, now}), &MembershipChange::group_added);
  mark(insert_group_members.run({organizations}), &MembershipChange::group_member_added);
  std::erase_if(changes, [](const MembershipChange &change) {
    return !change.member_added && !change.group_added && !change.group_member_added;
  });
  return changes;
}

}  // namespace prebuilds::reconciler
