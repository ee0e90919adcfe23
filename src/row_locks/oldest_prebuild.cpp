// What a claim takes: the oldest claimable prebuild of a preset that nobody else has locked.
#include "marks/lists.hpp"
#include "marks/marks.hpp"
#include "row_locks/row_locks.hpp"

using namespace prebuilds;

namespace {

struct Wanted {
  core::Uuid preset;
  core::Place oldest;                       // older ones have expired
  std::span<const core::Uuid> passed_over;  // have turned out to be of no use
};

struct Picked {
  core::Place head = core::after_all;  // where the pool begins
  bool found = false;
  Datum row = 0;  // of prebuilds.live_prebuilds
};

// The index says that a prebuild is ready, and no more; a row that was locked after somebody had changed it
// may not be what was looked at.
class Claimable {
 public:
  explicit Claimable(pg::IndexScan &live)
      : preset_id_(live.column("preset_id")), state_(live.column("state")), ready_(live.column("ready")) {}

  bool operator()(pg::IndexScan &live, const core::Uuid &preset) const {
    return !live.is_null(preset_id_) && pg::to_uuid(live.value(preset_id_)) == preset &&
           !live.is_null(state_) && DatumGetChar(live.value(state_)) == 'r' &&
           DatumGetBool(live.value(ready_));
  }

 private:
  AttrNumber preset_id_, state_, ready_;
};

// Locking it excludes an uncommitted build of somebody else as well, who holds its foreign key's lock.
bool lock_prebuild_workspace(pg::IndexScan &workspaces, const core::Uuid &id) {
  const auto is_prebuild = [&] {
    return workspaces.uuid("owner_id") == core::system_user && !DatumGetBool(workspaces.value("deleted"));
  };
  workspaces.start(id);
  return workspaces.next() && is_prebuild() &&
         workspaces.lock_like_select(LockWaitSkip) == pg::RowLock::taken && is_prebuild();
}

Picked pick(const Wanted &wanted, const core::Place &from) {
  return pg::call([&] {
    Picked picked;
    row_locks::push_statement_snapshot();
    pg::ListScan pool(marks::claimable_prebuilds, wanted.preset, RowShareLock);
    pg::IndexScan workspaces("workspaces", "workspaces_pkey", 1, RowShareLock);
    const Claimable is_claimable(pool.row());

    pool.start(from);
    auto place = pool.next();
    if (place) picked.head = *place;
    if (place && *place < wanted.oldest) {
      pool.start(wanted.oldest);
      place = pool.next();
    }
    while (place && !picked.found) {
      CHECK_FOR_INTERRUPTS();
      picked.found = std::find(wanted.passed_over.begin(), wanted.passed_over.end(), place->id) ==
                         wanted.passed_over.end() &&
                     is_claimable(pool.row(), wanted.preset) &&
                     pool.row().lock_like_select(LockWaitSkip) == pg::RowLock::taken &&
                     is_claimable(pool.row(), wanted.preset) &&
                     lock_prebuild_workspace(workspaces, place->id);
      if (picked.found) {
        picked.row = pool.row().copy();
      } else {
        place = pool.next();
      }
    }
    workspaces.end();
    pool.end();
    PopActiveSnapshot();
    return picked;
  });
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_lock_oldest_prebuild);

// prebuilds.lock_oldest_prebuild(preset_id uuid, oldest timestamptz, passed_over uuid[])
//   returns prebuilds.live_prebuilds
PGDLLEXPORT Datum prebuilds_lock_oldest_prebuild(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid preset = pg::to_uuid(PG_GETARG_DATUM(0));
    const std::vector<core::Uuid> passed_over = pg::to_uuids(PG_GETARG_DATUM(2));
    const marks::List list = marks::pool(preset);
    const marks::Look look = marks::look(list);
    Picked picked;
    if (look.from != core::after_all) {
      picked = pick({preset, {pg::to_instant(PG_GETARG_TIMESTAMPTZ(1)), {}}, passed_over}, look.from);
      // An older snapshot shows what has been taken since.
      if (!IsolationUsesXactSnapshot()) marks::found(list, look, picked.head);
    }
    fcinfo->isnull = !picked.found;
    return picked.row;
  });
}

}  // extern "C"
