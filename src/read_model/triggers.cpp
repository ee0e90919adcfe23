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

// What has changed: the agents of a job change with its resources too. Without foreign keys, as in
// replication, a new job may have a build already.
enum class Key { workspace, job, new_job, agents_of_job, agents_of_resource };

struct Change {
  Key key;
  core::Uuid id;

  auto operator<=>(const Change &) const = default;
};

constexpr pg::UniqueIndex workspace_owner("workspaces", "workspaces_pkey", "owner_id");
constexpr pg::UniqueIndex live_by_workspace("live_prebuilds", "live_prebuilds_pkey", "workspace_id");
constexpr pg::UniqueIndex live_by_job("live_prebuilds", "live_prebuilds_job_id_key", "workspace_id");
constexpr pg::UniqueIndex build_by_job("workspace_builds", "workspace_builds_job_id_key", "workspace_id");
constexpr pg::UniqueIndex resource_job("workspace_resources", "workspace_resources_pkey", "job_id");

// To derive a row once too often is harmless.
pg::StatementNotes<std::vector<Change>> &notes() {
  static pg::StatementNotes<std::vector<Change>> changes;
  return changes;
}

// Live prebuilds that changed, and those that are none any more; their ids ascend.
struct Concerned {
  read_model::Altered altered;
  std::vector<core::Uuid> claimed;
};

// Under the active snapshot; of changes that are sorted.
Concerned find_concerned(std::span<const Change> changes) {
  Concerned concerned;
  std::map<core::Uuid, read_model::Parts> jobs;
  for (const auto &[key, id] : changes) {
    switch (key) {
      case Key::workspace:
        if (workspace_owner.find(id) == core::system_user) {
          concerned.altered[id] |= read_model::whole_row;
        } else if (live_by_workspace.find(id)) {
          concerned.claimed.push_back(id);
        }
        break;
      case Key::new_job:
        if (const auto workspace = build_by_job.find(id))
          if (workspace_owner.find(*workspace) == core::system_user)
            concerned.altered[*workspace] |= read_model::whole_row;
        break;
      case Key::job: jobs[id] |= {.job = true}; break;
      case Key::agents_of_job: jobs[id] |= {.agents = true}; break;
      case Key::agents_of_resource:
        if (const auto job = resource_job.find(id)) jobs[*job] |= {.agents = true};
        break;
    }
  }
  for (const auto &[job, parts] : jobs)
    if (const auto workspace = live_by_job.find(job)) concerned.altered[*workspace] |= parts;
  return concerned;
}

// The trigger's arguments: kind of key, column that holds it.
Change change_of(TriggerData *trigger, TupleTableSlot *row) {
  const std::string_view kind = trigger->tg_trigger->tgargs[0];
  const Key key = kind == "workspace"       ? Key::workspace
                  : kind == "job"           ? Key::job
                  : kind == "new job"       ? Key::new_job
                  : kind == "agents of job" ? Key::agents_of_job
                                            : Key::agents_of_resource;
  return {key, pg::uuid_column(trigger, row, trigger->tg_trigger->tgargs[1])};
}

// Derives what the notes concern.
void maintain() {
  std::vector<Change> changes = notes().take();
  if (changes.empty()) return;
  std::sort(changes.begin(), changes.end());
  changes.erase(std::unique(changes.begin(), changes.end()), changes.end());

  pg::call([] {
    CommandCounterIncrement();  // the statement's own rows
    PushActiveSnapshot(GetLatestSnapshot());
  });
  const Concerned concerned = find_concerned(changes);
  pg::call([] { PopActiveSnapshot(); });
  if (!concerned.claimed.empty()) read_model::remove(concerned.claimed);
  if (!concerned.altered.empty()) read_model::derive(concerned.altered);
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
    std::vector<Change> &noted = notes().mine();
    const Change before = change_of(trigger, trigger->tg_trigslot);
    noted.push_back(before);
    if (update) {
      const Change after = change_of(trigger, trigger->tg_newslot);
      if (after.id != before.id) noted.push_back(after);
      // Its status has changed: it may be pending again.
      if (after.key == Key::job) read_model::note_if_pending(trigger, trigger->tg_newslot);
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
