// Deleting a template against making somebody's workspace of it, whatever the isolation level.
//
// In REPEATABLE READ and above a statement's snapshot is as old as its transaction, so of two transactions
// that look for each other's rows neither finds them, and both commit. Whoever has locked what the other
// needs therefore looks on the latest snapshot, as PostgreSQL's own foreign keys do: the deletion for
// workspaces, a claim for a deletion. A workspace from scratch needs no such look: it locks the template's
// row, which a deletion has changed.
#include "checks/templates.hpp"

#include "pg/settings.hpp"
#include "pg/spi.hpp"

using namespace prebuilds;

namespace {

// A claim that is under way has locked its prebuild.
constinit pg::Statement lock_prebuilds(R"sql(
  SELECT FROM prebuilds.live_prebuilds l
    JOIN prebuilds.workspaces w ON w.id = l.workspace_id
   WHERE w.template_id = $1
   ORDER BY l.workspace_id
     FOR UPDATE OF l
)sql",
                                       UUIDOID);

constinit pg::Statement count_people(R"sql(
  SELECT count(*)
    FROM prebuilds.workspaces
   WHERE template_id = $1
     AND NOT deleted
     AND owner_id <> 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid
)sql",
                                     UUIDOID);

constinit pg::Statement select_deleted("SELECT deleted FROM prebuilds.templates WHERE id = $1", UUIDOID);

}  // namespace

namespace prebuilds::checks {

bool deleted_meanwhile(const core::Uuid &template_id) {
  if (!IsolationUsesXactSnapshot()) return false;
  const pg::StatementSettings settings;
  const pg::SpiSession session;
  const pg::Rows found = select_deleted.run({template_id});
  return found.empty() || found.first([](pg::Row &row) { return row.boolean(); });
}

}  // namespace prebuilds::checks

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_workspaces_in_the_way);

// prebuilds.workspaces_in_the_way(template_id uuid) returns bigint
PGDLLEXPORT Datum prebuilds_workspaces_in_the_way(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid id = pg::to_uuid(PG_GETARG_DATUM(0));
    const pg::StatementSettings settings;
    const pg::SpiSession session;
    lock_prebuilds.run({id});
    return Int64GetDatum(count_people.run({id}).first([](pg::Row &row) { return row.bigint(); }));
  });
}

}  // extern "C"
