#include <map>

#include "marks/marks.hpp"
#include "pg/spi.hpp"
#include "read_model/read_model.hpp"
#include "worker/wakeup.hpp"

namespace prebuilds::read_model {

namespace {

constinit pg::Statement lock_rows(R"sql(
  SELECT l.workspace_id, l.preset_id
    FROM prebuilds.live_prebuilds l
   WHERE l.workspace_id = ANY ($1)
   ORDER BY l.workspace_id
     FOR UPDATE
)sql",
                                  UUIDARRAYOID);

constinit pg::Statement write_rows(R"sql(
  INSERT INTO prebuilds.live_prebuilds AS l
  SELECT d.*
    FROM pg_catalog.unnest($1) i (workspace_id)
   CROSS JOIN LATERAL (SELECT * FROM prebuilds.live_prebuild_definitions d
                        WHERE d.workspace_id = i.workspace_id OFFSET 0) d
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
   WHERE l.* IS DISTINCT FROM excluded.*
  RETURNING l.workspace_id, l.xmax <> 0 AS updated, l.preset_id, l.job_status = 'running' AS taken,
            l.transition = 'start' AND l.job_status = 'succeeded' AND l.ready AS claimable, l.created_at
)sql",
                                   UUIDARRAYOID);

constinit pg::Statement delete_rows(R"sql(
  DELETE FROM prebuilds.live_prebuilds l
   WHERE l.workspace_id = ANY ($1)
     AND NOT EXISTS (SELECT FROM prebuilds.live_prebuild_definitions d WHERE d.workspace_id = l.workspace_id)
  RETURNING l.preset_id
)sql",
                                    UUIDARRAYOID);

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

}  // namespace

void derive(const std::vector<core::Uuid> &workspaces) {
  for (bool again = true; again;) {
    again = false;
    std::map<core::Uuid, std::optional<core::Uuid>> locked;  // the pools that they were in
    lock_rows.run({workspaces}).each([&](pg::Row &row) {
      const core::Uuid workspace = row.uuid();
      locked.emplace(workspace, row.optional_uuid());
    });
    const pg::Rows written = write_rows.run({workspaces});
    written.each([&](pg::Row &row) {
      const core::Uuid workspace = row.uuid();
      const bool updated = row.boolean();
      const auto preset = row.optional_uuid();
      const bool taken = row.boolean();
      const bool claimable = row.boolean();
      if (preset && claimable) marks::added(marks::pool(*preset), {row.instant(), workspace});
      const auto before = locked.find(workspace);
      // Another session inserted this row after we looked: what we wrote over it may be older than what it saw.
      if (updated && before == locked.end()) again = true;
      if (!taken) note(preset);  // a job that a provisioner takes leaves the pool as it is
      if (before != locked.end() && before->second != preset) note(before->second);
    });
    // What was written has a definition: hardly ever is there anything to delete.
    if (!locked.empty() && written.count() < workspaces.size())
      delete_rows.run({workspaces}).each([](pg::Row &row) { note(row.optional_uuid()); });
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
