// Triggers that keep the read model in step with its sources, for any writer.
//
// Row triggers only note the key of what changed. At the end of the statement its statement trigger finds out
// by key look-ups which of the keys belong to a live prebuild, most often none, and derives those rows
// together. Of replicated rows each is a statement of its own.
#include <vector>

#include "pg/probe.hpp"
#include "pg/spi.hpp"
#include "pg/trigger.hpp"
#include "read_model/read_model.hpp"

using namespace prebuilds;

namespace {

// Without foreign keys, as in replication, a new job may have a build already.
enum class Key { workspace, job, new_job, resource };

struct Change {
  Key key;
  core::Uuid id;
};

constexpr pg::UniqueIndex workspace_owner("workspaces", "workspaces_pkey", "owner_id");
constexpr pg::UniqueIndex live_by_workspace("live_prebuilds", "live_prebuilds_pkey", "workspace_id");
constexpr pg::UniqueIndex live_by_job("live_prebuilds", "live_prebuilds_job_id_key", "workspace_id");
constexpr pg::UniqueIndex build_by_job("workspace_builds", "workspace_builds_job_id_key", "workspace_id");
constexpr pg::UniqueIndex resource_job("workspace_resources", "workspace_resources_pkey", "job_id");

// What the row triggers of the running statements noted. A statement that fails leaves its notes to the next
// one: to derive a row once too often is harmless.
std::vector<Change> &noted() {
  static std::vector<Change> changes;
  return changes;
}

// Live prebuilds that changed, and those that are none any more.
struct Concerned {
  std::vector<core::Uuid> changed;
  std::vector<core::Uuid> claimed;
};

void find_concerned(const Change &change, Concerned &concerned) {
  std::optional<core::Uuid> workspace;
  switch (change.key) {
    case Key::workspace:
      if (workspace_owner.find(change.id) == core::system_user) {
        concerned.changed.push_back(change.id);
      } else if (live_by_workspace.find(change.id)) {
        concerned.claimed.push_back(change.id);
      }
      return;
    case Key::job: workspace = live_by_job.find(change.id); break;
    case Key::new_job:
      workspace = build_by_job.find(change.id);
      if (workspace && workspace_owner.find(*workspace) != core::system_user) workspace.reset();
      break;
    case Key::resource:
      if (const auto job = resource_job.find(change.id)) workspace = live_by_job.find(*job);
      break;
  }
  if (workspace) concerned.changed.push_back(*workspace);
}

void remove_duplicates(std::vector<core::Uuid> &ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

// The trigger's arguments: kind of key, column that holds it.
Change change_of(TriggerData *trigger, TupleTableSlot *row) {
  const std::string_view kind = trigger->tg_trigger->tgargs[0];
  const Key key = kind == "workspace" ? Key::workspace
                  : kind == "job"     ? Key::job
                  : kind == "new job" ? Key::new_job
                                      : Key::resource;
  return {key, pg::uuid_column(trigger, row, trigger->tg_trigger->tgargs[1])};
}

// Derives what the notes concern.
void maintain() {
  if (noted().empty()) return;
  const std::vector<Change> changes = std::exchange(noted(), {});

  pg::call([] {
    CommandCounterIncrement();  // the statement's own rows
    PushActiveSnapshot(GetLatestSnapshot());
  });
  Concerned concerned;
  for (const Change &change : changes) find_concerned(change, concerned);
  pg::call([] { PopActiveSnapshot(); });
  if (concerned.changed.empty() && concerned.claimed.empty()) return;

  remove_duplicates(concerned.changed);
  remove_duplicates(concerned.claimed);
  if (!concerned.claimed.empty()) read_model::remove(concerned.claimed);
  if (!concerned.changed.empty()) read_model::derive(concerned.changed);
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_read_model_note);
PG_FUNCTION_INFO_V1(prebuilds_read_model_maintain);
PG_FUNCTION_INFO_V1(prebuilds_read_model_rebuild);

// AFTER … FOR EACH ROW
PGDLLEXPORT Datum prebuilds_read_model_note(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    const bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
    if (update && !pg::updated_columns_differ(trigger)) return PointerGetDatum(nullptr);
    const Change before = change_of(trigger, trigger->tg_trigslot);
    noted().push_back(before);
    if (update) {
      const Change after = change_of(trigger, trigger->tg_newslot);
      if (after.id != before.id) noted().push_back(after);
      // The row is the job itself, whose status has changed: it may be pending again.
      if (after.key == Key::job && std::string_view(trigger->tg_trigger->tgargs[1]) == "id")
        read_model::note_if_pending(trigger, trigger->tg_newslot);
    }
    if (pg::only_row_triggers_fire()) maintain();
    return PointerGetDatum(nullptr);
  });
}

// AFTER … FOR EACH STATEMENT
PGDLLEXPORT Datum prebuilds_read_model_maintain(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::trigger_data(fcinfo);
    maintain();
    return PointerGetDatum(nullptr);
  });
}

// prebuilds.rebuild_live_prebuilds() returns int; as a trigger AFTER TRUNCATE too
PGDLLEXPORT Datum prebuilds_read_model_rebuild(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::SpiSession session;
    const int differed = read_model::rebuild();
    return CALLED_AS_TRIGGER(fcinfo) ? PointerGetDatum(nullptr) : Int32GetDatum(differed);
  });
}

}  // extern "C"
