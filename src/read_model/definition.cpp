#include "read_model/definition.hpp"

#include "pg/index_scan.hpp"

namespace prebuilds::read_model {

namespace {

core::Uuid uuid(pg::IndexScan &table, AttrNumber column) { return pg::to_uuid(table.value(column)); }

std::optional<core::Uuid> optional_uuid(pg::IndexScan &table, AttrNumber column) {
  return table.is_null(column) ? std::nullopt : std::optional(uuid(table, column));
}

pg::Timestamp timestamp(pg::IndexScan &table, AttrNumber column) {
  return {DatumGetTimestampTz(table.value(column))};
}

std::optional<pg::Timestamp> optional_timestamp(pg::IndexScan &table, AttrNumber column) {
  return table.is_null(column) ? std::nullopt : std::optional(timestamp(table, column));
}

// One class for each part of a row: the tables that it is read from, and the columns that matter. Only inside
// of call().

class WorkspacePart {
 public:
  // False: it is no prebuild that has a build.
  bool read(Definition &definition) {
    LivePrebuild &row = definition.row;
    workspaces.start(row.workspace_id);
    if (!workspaces.next() || uuid(workspaces, owner_id) != core::system_user ||
        DatumGetBool(workspaces.value(deleted)))
      return false;
    row.created_at = timestamp(workspaces, workspace_created_at);
    definition.workspace_is_ours_alone = workspaces.is_ours_alone();
    return read_latest_build(row);
  }

  void end() {
    workspaces.end();
    builds.end();
  }

 private:
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
    // A latest build without a preset is of the pool of the newest start build that has one. The view asks
    // whether the job has succeeded, too; but where that matters, in a start build, both answers are this
    // one.
    row.preset_id = row.build_preset_id;
    while (!row.preset_id && builds.next(BackwardScanDirection))
      if (DatumGetObjectId(builds.value(transition)) == start)
        row.preset_id = optional_uuid(builds, preset_id);
    return true;
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
};

class JobPart {
 public:
  // False: there is no such job.
  bool read(LivePrebuild &row) {
    jobs.start(row.job_id);
    if (!jobs.next()) return false;
    row.job_status = DatumGetObjectId(jobs.value(job_status));
    row.job_completed_at = optional_timestamp(jobs, completed_at);
    row.worker_assigned = !jobs.is_null(worker_id);
    row.state = state(row);
    return true;
  }

  void end() { jobs.end(); }

 private:
  // As what a prebuild counts.
  static std::optional<char> state(const LivePrebuild &row) {
    if (std::string_view(pg::enum_label(row.transition)) != "start") return std::nullopt;
    const std::string_view job = pg::enum_label(row.job_status);
    if (job == "succeeded") return 'r';
    if (job == "failed") return 'f';
    if (job == "pending" && row.build_number == 1 && row.system_initiated && !row.worker_assigned) return 'p';
    if (job == "pending" || job == "running" || job == "canceling") return 's';
    return std::nullopt;
  }

  pg::IndexScan jobs{"provisioner_jobs", "provisioner_jobs_pkey"};
  AttrNumber job_status = jobs.column("job_status");
  AttrNumber completed_at = jobs.column("completed_at");
  AttrNumber worker_id = jobs.column("worker_id");
};

struct Agents {
  pg::IndexScan table{"workspace_agents", "workspace_agents_resource_id_idx"};
  AttrNumber deleted = table.column("deleted");
  AttrNumber parent_id = table.column("parent_id");
  AttrNumber lifecycle_state = table.column("lifecycle_state");
  Oid ready = pg::enum_value(table.type(lifecycle_state), "ready");
};

class AgentsPart {
 public:
  void read(LivePrebuild &row) { row.ready = all_ready(row.job_id); }

  void end() {
    resources.end();
    if (agents) agents->table.end();
  }

 private:
  // There is an agent, and all are ready.
  bool all_ready(const core::Uuid &job) {
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

  pg::IndexScan resources{"workspace_resources", "workspace_resources_job_id_idx"};
  AttrNumber resource_id = resources.column("id");

  // Opened for the first resource: most jobs have none, and hence no agent, yet.
  std::optional<Agents> agents;
};

// Each part is opened for the first row of which it is to be read: it costs as much to open as to read.
class Sources {
 public:
  void define(Definition &definition) {
    const Parts &parts = definition.to_read;
    LivePrebuild &row = definition.row;
    definition.is_prebuild =
        (!parts.workspace || opened(workspace_).read(definition)) && (!parts.job || opened(job_).read(row));
    if (definition.is_prebuild && parts.agents) opened(agents_).read(row);
  }

  void end() {
    if (workspace_) workspace_->end();
    if (job_) job_->end();
    if (agents_) agents_->end();
  }

 private:
  template <class Part>
  static Part &opened(std::optional<Part> &part) {
    return part ? *part : part.emplace();
  }

  std::optional<WorkspacePart> workspace_;
  std::optional<JobPart> job_;
  std::optional<AgentsPart> agents_;
};
static_assert(std::is_trivially_destructible_v<Sources>);

}  // namespace

void define(std::span<Definition> definitions) {
  pg::call([&] {
    Sources sources;
    for (Definition &definition : definitions) {
      CHECK_FOR_INTERRUPTS();
      sources.define(definition);
    }
    sources.end();
  });
}

}  // namespace prebuilds::read_model
