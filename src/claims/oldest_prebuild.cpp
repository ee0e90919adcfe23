#include "claims/oldest_prebuild.hpp"

#include "marks/lists.hpp"
#include "marks/marks.hpp"

namespace prebuilds::claims {

namespace {

struct Picked {
  core::Place head = core::after_all;  // where the pool begins
  std::optional<LockedPrebuild> prebuild;
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
    pg::push_statement_snapshot();
    pg::ListScan pool(marks::claimable_prebuilds, wanted.preset, RowShareLock);
    pg::IndexScan workspaces("workspaces", "workspaces_pkey", 1, RowShareLock);
    const Claimable is_claimable(pool.row());

    const core::Place oldest{wanted.oldest, {}};
    pool.start(from);
    auto place = pool.next();
    if (place) picked.head = *place;
    if (place && *place < oldest) {
      pool.start(oldest);
      place = pool.next();
    }
    for (; place; place = pool.next()) {
      CHECK_FOR_INTERRUPTS();
      pg::IndexScan &live = pool.row();
      if (std::find(wanted.passed_over.begin(), wanted.passed_over.end(), place->id) ==
              wanted.passed_over.end() &&
          is_claimable(live, wanted.preset) && live.lock_like_select(LockWaitSkip) == pg::RowLock::taken &&
          is_claimable(live, wanted.preset) && lock_prebuild_workspace(workspaces, place->id)) {
        picked.prebuild = {.id = place->id,
                           .created_at = pg::to_instant(DatumGetTimestampTz(live.value("created_at"))),
                           .build_id = live.uuid("build_id"),
                           .build_number = DatumGetInt32(live.value("build_number"))};
        break;
      }
    }
    workspaces.end();
    pool.end();
    PopActiveSnapshot();
    return picked;
  });
}

}  // namespace

std::optional<LockedPrebuild> lock_oldest_prebuild(const Wanted &wanted) {
  const marks::List list = marks::pool(wanted.preset);
  const marks::Look look = marks::look(list);
  if (look.from == core::after_all) return std::nullopt;
  const Picked picked = pick(wanted, look.from);
  // An older snapshot shows what has been taken since.
  if (!IsolationUsesXactSnapshot()) marks::found(list, look, picked.head);
  return picked.prebuild;
}

}  // namespace prebuilds::claims
