#include "read_model/definition.hpp"

#include "pg/index_scan.hpp"

namespace prebuilds::read_model {

namespace {

struct Agents {
  pg::IndexScan table{"workspace_agents", "workspace_agents_resource_id_idx"};
  AttrNumber deleted = table.column("deleted");
  AttrNumber parent_id = table.column("parent_id");
  AttrNumber lifecycle_state = table.column("lifecycle_state");
  Oid ready = pg::enum_value(table.type(lifecycle_state), "ready");
};

// The five tables that a definition reads, and the columns that matter. Only inside of call().
class Sources {
 public:
  void close() {
    workspaces.end();
    builds.end();
    jobs.end();
    resources.end();
    if (agents) agents->table.end();
  }

  // False: the workspace is no prebuild that has a build.
  bool define(const core::Uuid &id, Definition &definition) {
    definition = {};
    LivePrebuild &row = definition.row;
    row.workspace_id = id;
    workspaces.start(id);
    if (!workspaces.next() || uuid(workspaces, owner_id) != core::system_user ||
        DatumGetBool(workspaces.value(deleted)))
      return false;
    row.created_at = timestamp(workspaces, workspace_created_at);
    definition.workspace_is_ours_alone = workspaces.is_ours_alone();
    return read_latest_build(row) && read_job(row);
  }

 private:
  static core::Uuid uuid(pg::IndexScan &table, AttrNumber column) { return pg::to_uuid(table.value(column)); }
  static std::optional<core::Uuid> optional_uuid(pg::IndexScan &table, AttrNumber column) {
    return table.is_null(column) ? std::nullopt : std::optional(uuid(table, column));
  }
  static pg::Timestamp timestamp(pg::IndexScan &table, AttrNumber column) {
    return {DatumGetTimestampTz(table.value(column))};
  }

  bool read_latest_build(LivePrebuild &row) {
    builds.start(row.workspace_id);
    if (!builds.next(BackwardScanDirection)) return false;
    row.build_id = uuid(builds, build_id);
    row.template_version_id = uuid(builds, template_version_id);
    row.build_number = DatumGetInt32(builds.value(build_number));
    row.build_created_at = timestamp(builds, build_created_at);
    row.transition = DatumGetObjectId(builds.value(transition));
    row.job_id = uuid(builds, job_id);
    row.system_initiated = uuid(builds, initiator_id) == core::system_user;
    row.build_preset_id = optional_uuid(builds, preset_id);
    // A latest build without a preset is of the pool of the newest start build that has one.
    row.preset_id = row.build_preset_id;
    while (!row.preset_id && builds.next(BackwardScanDirection))
      if (DatumGetObjectId(builds.value(transition)) == start)
        row.preset_id = optional_uuid(builds, preset_id);
    return true;
  }

  bool read_job(LivePrebuild &row) {
    jobs.start(row.job_id);
    if (!jobs.next()) return false;
    row.job_status = DatumGetObjectId(jobs.value(job_status));
    if (!jobs.is_null(completed_at)) row.job_completed_at = timestamp(jobs, completed_at);
    row.worker_assigned = !jobs.is_null(worker_id);
    row.state = state(row);
    row.ready = has_ready_agents(row.job_id);
    return true;
  }

  // As what a prebuild counts.
  std::optional<char> state(const LivePrebuild &row) const {
    if (row.transition != start) return std::nullopt;
    const std::string_view job = pg::enum_label(row.job_status);
    if (job == "succeeded") return 'r';
    if (job == "failed") return 'f';
    if (job == "pending" && row.build_number == 1 && row.system_initiated && !row.worker_assigned) return 'p';
    if (job == "pending" || job == "running" || job == "canceling") return 's';
    return std::nullopt;
  }

  // There is an agent, and all are ready.
  bool has_ready_agents(const core::Uuid &job) {
    bool any = false;
    resources.start(job);
    while (resources.next()) {
      if (!agents) agents.emplace();
      agents->table.start(uuid(resources, resource_id));
      while (agents->table.next()) {
        if (DatumGetBool(agents->table.value(agents->deleted)) || !agents->table.is_null(agents->parent_id))
          continue;
        if (DatumGetObjectId(agents->table.value(agents->lifecycle_state)) != agents->ready) return false;
        any = true;
      }
    }
    return any;
  }

  pg::IndexScan workspaces{"workspaces", "workspaces_pkey"};
  AttrNumber owner_id = workspaces.column("owner_id");
  AttrNumber deleted = workspaces.column("deleted");
  AttrNumber workspace_created_at = workspaces.column("created_at");

  pg::IndexScan builds{"workspace_builds", "workspace_builds_workspace_id_build_number_key"};
  AttrNumber build_id = builds.column("id");
  AttrNumber template_version_id = builds.column("template_version_id");
  AttrNumber build_number = builds.column("build_number");
  AttrNumber build_created_at = builds.column("created_at");
  AttrNumber transition = builds.column("transition");
  AttrNumber job_id = builds.column("job_id");
  AttrNumber initiator_id = builds.column("initiator_id");
  AttrNumber preset_id = builds.column("template_version_preset_id");
  Oid start = pg::enum_value(builds.type(transition), "start");

  pg::IndexScan jobs{"provisioner_jobs", "provisioner_jobs_pkey"};
  AttrNumber job_status = jobs.column("job_status");
  AttrNumber completed_at = jobs.column("completed_at");
  AttrNumber worker_id = jobs.column("worker_id");

  pg::IndexScan resources{"workspace_resources", "workspace_resources_job_id_idx"};
  AttrNumber resource_id = resources.column("id");

  // Opened for the first resource: most jobs have none, and hence no agent, yet.
  std::optional<Agents> agents;
};
static_assert(std::is_trivially_destructible_v<Sources>);

}  // namespace

std::vector<Definition> definitions(std::span<const core::Uuid> workspaces) {
  std::vector<Definition> found;
  found.reserve(workspaces.size());
  pg::call([&] {
    Sources sources;
    Definition definition;
    for (const core::Uuid &workspace : workspaces) {
      CHECK_FOR_INTERRUPTS();
      if (sources.define(workspace, definition)) found.push_back(definition);
    }
    sources.close();
  });
  return found;
}

}  // namespace prebuilds::read_model
