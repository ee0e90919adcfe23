#include "reconciler/membership.hpp"

#include <map>

#include "pg/index_scan.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"

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

// The three tables that a membership is in. Only inside of call().
class Memberships {
 public:
  void close() {
    members_.end();
    groups_.end();
    group_members_.end();
  }
  bool complete(const core::Uuid &organization) {
    return has_row(members_, {pg::uuid_key(1, organization), pg::uuid_key(2, core::system_user)}) &&
           has_row(groups_, {pg::uuid_key(1, organization),
                             pg::text_key(2, CStringGetTextDatum("coderprebuiltworkspaces"))}) &&
           in_group(groups_.uuid("id"));
  }

 private:
  static bool has_row(pg::IndexScan &table, std::array<ScanKeyData, 2> keys) {
    table.start(keys.data());
    return table.next();
  }
  bool in_group(const core::Uuid &group) {
    return has_row(group_members_, {pg::uuid_key(1, core::system_user), pg::uuid_key(2, group)});
  }

  pg::IndexScan members_{"organization_members", "organization_members_pkey", 2};
  pg::IndexScan groups_{"groups", "groups_organization_id_name_key", 2};
  pg::IndexScan group_members_{"group_members", "group_members_user_id_group_id_key", 2};
};
static_assert(std::is_trivially_destructible_v<Memberships>);

std::vector<MembershipChange> incomplete() {
  std::vector<MembershipChange> changes;
  select_incomplete.read().each([&](pg::Row &row) {
    changes.push_back({.organization = row.uuid(), .organization_name = row.text()});
  });
  return changes;
}

// Each insert under a snapshot of its own.
void insert_missing(std::span<MembershipChange> changes, core::Instant now) {
  std::vector<core::Uuid> organizations;
  std::map<core::Uuid, MembershipChange *> change_of;
  for (MembershipChange &change : changes) {
    change.member_added = change.group_added = change.group_member_added = false;
    organizations.push_back(change.organization);
    change_of[change.organization] = &change;
  }
  const auto mark = [&](const pg::Rows &rows, bool MembershipChange::*what) {
    rows.each([&](pg::Row &row) { change_of.at(row.uuid())->*what = true; });
  };
  mark(insert_members.run({organizations, now}), &MembershipChange::member_added);
  mark(insert_groups.run({organizations, now}), &MembershipChange::group_added);
  mark(insert_group_members.run({organizations}), &MembershipChange::group_member_added);
}

bool somebody_is_at_it(const pg::SqlError &error) {
  switch (error.sqlstate) {
    case ERRCODE_LOCK_NOT_AVAILABLE:
    case ERRCODE_T_R_SERIALIZATION_FAILURE:
    case ERRCODE_T_R_DEADLOCK_DETECTED:
    case ERRCODE_FOREIGN_KEY_VIOLATION: return true;
    default: return false;
  }
}

// All of them together; if that fails, again in halves, until whoever is busy stands alone.
int insert_where_free(std::span<MembershipChange> changes, core::Instant now) {
  const auto error = pg::in_subtransaction([&] {
    const pg::WithoutWaiting setting;
    insert_missing(changes, now);
  });
  if (!error) return 0;
  if (!somebody_is_at_it(*error)) throw *error;
  if (changes.size() == 1) return 1;
  const std::size_t half = changes.size() / 2;
  return insert_where_free(changes.first(half), now) + insert_where_free(changes.subspan(half), now);
}

}  // namespace

bool memberships_complete(const std::set<core::Uuid> &organizations) {
  if (organizations.empty()) return true;
  return pg::call([&] {
    Memberships memberships;
    const bool complete = std::all_of(organizations.begin(), organizations.end(),
                                      [&](const core::Uuid &each) { return memberships.complete(each); });
    memberships.close();
    return complete;
  });
}

std::vector<MembershipChange> reconcile_membership(core::Instant now) {
  std::vector<MembershipChange> changes = incomplete();
  if (changes.empty()) return changes;

  // In REPEATABLE READ a row that appears while its insert waits is an error, for all of ON CONFLICT DO
  // NOTHING; under the next snapshot it is just there.
  constexpr int attempts = 10;
  for (int attempt = 1;; attempt++) {
    const auto error = pg::in_subtransaction([&] { insert_missing(changes, now); });
    if (!error) break;
    if (error->sqlstate != ERRCODE_T_R_SERIALIZATION_FAILURE || attempt == attempts) throw *error;
  }
  std::erase_if(changes, [](const MembershipChange &change) {
    return !change.member_added && !change.group_added && !change.group_member_added;
  });
  return changes;
}

int reconcile_free_memberships(core::Instant now) {
  std::vector<MembershipChange> changes = incomplete();
  return changes.empty() ? 0 : insert_where_free(changes, now);
}

}  // namespace prebuilds::reconciler
