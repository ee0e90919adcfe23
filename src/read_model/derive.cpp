#include <map>

#include "marks/marks.hpp"
#include "pg/spi.hpp"
#include "read_model/definition.hpp"
#include "read_model/read_model.hpp"
#include "worker/wakeup.hpp"

namespace prebuilds::read_model {

namespace {

constinit pg::Statement lock_rows(R"sql(
  SELECT l.workspace_id, l.preset_id, l.build_preset_id, l.template_version_id, l.created_at, l.build_id,
         l.build_number, l.build_created_at, l.transition, l.job_id, l.job_status, l.job_completed_at,
         l.system_initiated, l.worker_assigned, l.ready
    FROM prebuilds.live_prebuilds l
   WHERE l.workspace_id = ANY ($1)
   ORDER BY l.workspace_id
     FOR UPDATE
)sql",
                                  UUIDARRAYOID);

constinit pg::Statement write_rows(R"sql(
  INSERT INTO prebuilds.live_prebuilds AS l
         (workspace_id, preset_id, build_preset_id, template_version_id, created_at, build_id, build_number,
          build_created_at, transition, job_id, job_status, job_completed_at, system_initiated, worker_assigned, ready)
  SELECT n.workspace_id, n.preset_id, n.build_preset_id, n.template_version_id, n.created_at, n.build_id, n.build_number,
         n.build_created_at, n.transition::prebuilds.workspace_transition, n.job_id,
         n.job_status::prebuilds.provisioner_job_status, n.job_completed_at, n.system_initiated, n.worker_assigned, n.ready
    FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4),
                    pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8),
                    pg_catalog.unnest($9), pg_catalog.unnest($10), pg_catalog.unnest($11), pg_catalog.unnest($12),
                    pg_catalog.unnest($13), pg_catalog.unnest($14), pg_catalog.unnest($15)) AS n
         (workspace_id, preset_id, build_preset_id, template_version_id, created_at, build_id, build_number,
          build_created_at, transition, job_id, job_status, job_completed_at, system_initiated, worker_assigned, ready)
      ON CONFLICT (workspace_id) DO UPDATE
     SET preset_id = excluded.preset_id,
         build_preset_id = excluded.build_preset_id,
         template_version_id = excluded.template_version_id,
         created_at = excluded.created_at,
         build_id = excluded.build_id,
         build_number = excluded.build_number,
         build_created_at = excluded.build_created_at,
         transition = excluded.transition,
         job_id = excluded.job_id,
         job_status = excluded.job_status,
         job_completed_at = excluded.job_completed_at,
         system_initiated = excluded.system_initiated,
         worker_assigned = excluded.worker_assigned,
         ready = excluded.ready
  RETURNING l.workspace_id, l.xmax <> 0 AS updated
)sql",
                                   UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID,
                                   TIMESTAMPTZARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID,
                                   TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
                                   BOOLARRAYOID, BOOLARRAYOID, BOOLARRAYOID);

constinit pg::Statement remove_rows(R"sql(
  DELETE FROM prebuilds.live_prebuilds
   WHERE workspace_id = ANY ($1)
  RETURNING preset_id
)sql",
                                    UUIDARRAYOID);

constinit pg::Statement rows_that_differ(R"sql(
  SELECT coalesce(l.workspace_id, d.workspace_id)
    FROM prebuilds.live_prebuilds l
    FULL JOIN prebuilds.live_prebuild_definitions d ON d.workspace_id = l.workspace_id
   WHERE ROW (l.*) IS DISTINCT FROM ROW (d.*)
)sql");

// The pool that a row belongs or belonged to has changed.
void note(const std::optional<core::Uuid> &preset) {
  if (preset) worker::note_changed(*preset);
}

using Rows = std::map<core::Uuid, LivePrebuild>;

Rows lock(const std::vector<core::Uuid> &workspaces) {
  Rows rows;
  lock_rows.run({workspaces}).each([&](pg::Row &row) {
    LivePrebuild read;
    read.workspace_id = row.uuid();
    read.preset_id = row.optional_uuid();
    read.build_preset_id = row.optional_uuid();
    read.template_version_id = row.uuid();
    read.created_at = row.timestamp();
    read.build_id = row.uuid();
    read.build_number = row.integer();
    read.build_created_at = row.timestamp();
    read.transition = row.oid();
    read.job_id = row.uuid();
    read.job_status = row.oid();
    read.job_completed_at = row.optional_timestamp();
    read.system_initiated = row.boolean();
    read.worker_assigned = row.boolean();
    read.ready = row.boolean();
    rows.emplace(read.workspace_id, read);
  });
  return rows;
}

std::vector<LivePrebuild> latest_definitions(const std::vector<core::Uuid> &workspaces) {
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  std::vector<LivePrebuild> rows = definitions(workspaces);
  pg::call([] { PopActiveSnapshot(); });
  return rows;
}

// The labels of enum values, most often the same ones.
class Labels {
 public:
  const std::string &operator[](Oid value) {
    auto known = labels_.find(value);
    if (known == labels_.end()) {
      const char *label =
          pg::call([&] { return DatumGetCString(DirectFunctionCall1(enum_out, ObjectIdGetDatum(value))); });
      known = labels_.emplace(value, label).first;
    }
    return known->second;
  }

 private:
  std::map<Oid, std::string> labels_;
};

// Writes rows over those of the same workspaces. False: another session had inserted one that `locked` does
// not know.
bool write(const std::vector<LivePrebuild> &rows, const Rows &locked, Labels &labels) {
  std::vector<core::Uuid> workspace_id, template_version_id, build_id, job_id;
  std::vector<std::optional<core::Uuid>> preset_id, build_preset_id;
  std::vector<pg::Timestamp> created_at, build_created_at;
  std::vector<std::optional<pg::Timestamp>> job_completed_at;
  std::vector<int> build_number;
  std::vector<std::string> transition, job_status;
  std::vector<bool> system_initiated, worker_assigned, ready;
  for (const LivePrebuild &row : rows) {
    workspace_id.push_back(row.workspace_id);
    preset_id.push_back(row.preset_id);
    build_preset_id.push_back(row.build_preset_id);
    template_version_id.push_back(row.template_version_id);
    created_at.push_back(row.created_at);
    build_id.push_back(row.build_id);
    build_number.push_back(row.build_number);
    build_created_at.push_back(row.build_created_at);
    transition.push_back(labels[row.transition]);
    job_id.push_back(row.job_id);
    job_status.push_back(labels[row.job_status]);
    job_completed_at.push_back(row.job_completed_at);
    system_initiated.push_back(row.system_initiated);
    worker_assigned.push_back(row.worker_assigned);
    ready.push_back(row.ready);
  }
  bool alone = true;
  write_rows
      .run({workspace_id, preset_id, build_preset_id, template_version_id, created_at, build_id, build_number,
            build_created_at, transition, job_id, job_status, job_completed_at, system_initiated,
            worker_assigned, ready})
      .each([&](pg::Row &row) {
        const core::Uuid workspace = row.uuid();
        if (row.boolean() && !locked.contains(workspace)) alone = false;
      });
  return alone;
}

// Tells whom it concerns that a row is now like this.
void note_written(const LivePrebuild &row, const LivePrebuild *before, Labels &labels) {
  const std::string &status = labels[row.job_status];
  const core::Place place{pg::to_instant(row.created_at.value), row.workspace_id};
  if (row.preset_id &&
      (before == nullptr || before->preset_id != row.preset_id || before->created_at != row.created_at))
    marks::added(marks::prebuilds(*row.preset_id), place);
  if (row.preset_id && row.ready && status == "succeeded" && labels[row.transition] == "start")
    marks::added(marks::pool(*row.preset_id), place);
  if (status != "running") note(row.preset_id);  // a job that a provisioner takes leaves the pool as it is
  if (before != nullptr && before->preset_id != row.preset_id) note(before->preset_id);
}

}  // namespace

void derive(const std::vector<core::Uuid> &workspaces) {
  Labels labels;
  for (bool alone = false; !alone;) {
    const Rows locked = lock(workspaces);
    Rows gone = locked;
    std::vector<LivePrebuild> changed;
    for (const LivePrebuild &row : latest_definitions(workspaces)) {
      gone.erase(row.workspace_id);
      const auto before = locked.find(row.workspace_id);
      if (before != locked.end() && before->second == row) continue;
      changed.push_back(row);
      note_written(row, before == locked.end() ? nullptr : &before->second, labels);
    }
    // What another session inserted since we looked may be newer than what we wrote over it: then look again.
    alone = changed.empty() || write(changed, locked, labels);
    if (gone.empty()) continue;
    std::vector<core::Uuid> removed;
    for (const auto &[workspace, row] : gone) removed.push_back(workspace);
    remove(removed);
  }
}

void remove(const std::vector<core::Uuid> &workspaces) {
  remove_rows.run({workspaces}).each([](pg::Row &row) { note(row.optional_uuid()); });
}

int rebuild() {
  std::vector<core::Uuid> workspaces;
  rows_that_differ.run().each([&](pg::Row &row) { workspaces.push_back(row.uuid()); });
  if (!workspaces.empty()) derive(workspaces);
  return static_cast<int>(workspaces.size());
}

}  // namespace prebuilds::read_model
