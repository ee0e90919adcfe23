// Triggers that keep the read model in step with its sources, for any writer.
//
// Row triggers only note the key of what changed (their WHEN conditions let through what can matter). At the end
// of the statement its statement trigger finds out by key look-ups which of the keys belong to a live prebuild,
// most often none, and derives those rows together.
#include <vector>

#include "pg/owner.hpp"
#include "pg/probe.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/trigger.hpp"
#include "read_model/read_model.hpp"

using namespace prebuilds;

namespace {

enum class Key { workspace, job, resource };

struct Change {
  Key key;
  core::Uuid id;
};

constexpr pg::UniqueIndex workspace_owner("workspaces", "workspaces_pkey", "owner_id");
constexpr pg::UniqueIndex live_by_workspace("live_prebuilds", "live_prebuilds_pkey", "workspace_id");
constexpr pg::UniqueIndex live_by_job("live_prebuilds", "live_prebuilds_job_id_key", "workspace_id");
constexpr pg::UniqueIndex resource_job("workspace_resources", "workspace_resources_pkey", "job_id");

constexpr core::Uuid system_user{{0xc4, 0x2f, 0xdf, 0x75, 0x30, 0x97, 0x47, 0x1c, 0x8c, 0x33, 0xfb, 0x52, 0x45, 0x4d, 0x81, 0xc0}};

// What the row triggers of the running statements noted. A statement that fails leaves its notes to the next
// one: to derive a row once too often is harmless.
std::vector<Change> &noted() {
  static std::vector<Change> changes;
  return changes;
}

// The live prebuild that the change concerns, if any.
std::optional<core::Uuid> concerned(const Change &change) {
  switch (change.key) {
    case Key::workspace:
      if (workspace_owner.find(change.id) == system_user || live_by_workspace.find(change.id)) return change.id;
      return std::nullopt;
    case Key::job:
      return live_by_job.find(change.id);
    case Key::resource:
      if (const auto job = resource_job.find(change.id)) return live_by_job.find(*job);
      return std::nullopt;
  }
  return std::nullopt;
}

// The trigger's arguments: kind of key, column that holds it.
Change change_of(TriggerData *trigger, TupleTableSlot *row) {
  const std::string_view kind = trigger->tg_trigger->tgargs[0];
  const Key key = kind == "workspace" ? Key::workspace : kind == "job" ? Key::job : Key::resource;
  return {key, pg::uuid_column(trigger, row, trigger->tg_trigger->tgargs[1])};
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
    noted().push_back(change_of(trigger, trigger->tg_trigslot));
    if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event)) noted().push_back(change_of(trigger, trigger->tg_newslot));
    return PointerGetDatum(nullptr);
  });
}

// AFTER … FOR EACH STATEMENT
PGDLLEXPORT Datum prebuilds_read_model_maintain(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    if (noted().empty()) return PointerGetDatum(nullptr);
    const std::vector<Change> changes = std::exchange(noted(), {});

    pg::call([] {
      CommandCounterIncrement();  // the statement's own rows
      PushActiveSnapshot(GetLatestSnapshot());
    });
    std::vector<core::Uuid> workspaces;
    for (const Change &change : changes) {
      if (const auto workspace = concerned(change)) workspaces.push_back(*workspace);
    }
    pg::call([] { PopActiveSnapshot(); });

    if (!workspaces.empty()) {
      std::sort(workspaces.begin(), workspaces.end());
      workspaces.erase(std::unique(workspaces.begin(), workspaces.end()), workspaces.end());
      const pg::OwnerScope owner(trigger->tg_relation);
      const pg::StatementSettings settings;
      const pg::SpiSession session;
      read_model::derive(workspaces);
    }
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
