#include "row_locks/workspace.hpp"

#include "pg/arguments.hpp"
#include "pg/index_scan.hpp"
#include "pg/result_set.hpp"

namespace prebuilds::row_locks {

namespace {

// f(row) for a row by its key, once it is locked; false: there is none, or not any more. Only inside of
// call().
template <class F>
bool lock_row(const char *table, const char *key, const core::Uuid &id, F f) {
  pg::push_statement_snapshot();
  pg::IndexScan row(table, key, 1, RowShareLock);
  row.start(id);
  const bool locked = row.next() && row.lock_like_select(LockWaitBlock) == pg::RowLock::taken;
  if (locked) f(row);
  row.end();
  PopActiveSnapshot();
  return locked;
}

template <class F>
bool lock_workspace(const core::Uuid &id, F f) {
  return lock_row("workspaces", "workspaces_pkey", id, f) &&
         (lock_row("live_prebuilds", "live_prebuilds_pkey", id, [](pg::IndexScan &) {}), true);
}

std::optional<LockedBuild> find_build(const core::Uuid &job) {
  std::optional<LockedBuild> found;
  pg::push_statement_snapshot();
  pg::find_row("workspace_builds", "workspace_builds_job_id_key", job, [&](pg::IndexScan &build) {
    found = LockedBuild{.id = build.uuid("id"),
                        .number = DatumGetInt32(build.value("build_number")),
                        .transition = DatumGetObjectId(build.value("transition")),
                        .workspace_id = build.uuid("workspace_id")};
  });
  PopActiveSnapshot();
  return found;
}

}  // namespace

std::optional<LockedJob> lock_job(const core::Uuid &id) {
  return pg::call([&]() -> std::optional<LockedJob> {
    LockedJob locked;
    locked.build = find_build(id);
    if (locked.build) {
      lock_workspace(locked.build->workspace_id, [&](pg::IndexScan &workspace) {
        locked.build->owner_id = workspace.uuid("owner_id");
        const AttrNumber ttl = workspace.column("ttl");
        if (!workspace.is_null(ttl)) locked.build->ttl = DatumGetInt64(workspace.value(ttl));
      });
    }
    const bool found = lock_row("provisioner_jobs", "provisioner_jobs_pkey", id, [&](pg::IndexScan &job) {
      locked.status = DatumGetObjectId(job.value("job_status"));
      if (!job.is_null(job.column("worker_id"))) locked.worker_id = job.uuid("worker_id");
    });
    return found ? std::optional(locked) : std::nullopt;
  });
}

}  // namespace prebuilds::row_locks

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_lock_workspace);
PG_FUNCTION_INFO_V1(prebuilds_lock_job);

// prebuilds.lock_workspace(workspace_id uuid) returns prebuilds.workspaces
PGDLLEXPORT Datum prebuilds_lock_workspace(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid id = pg::to_uuid(PG_GETARG_DATUM(0));
    Datum copied = 0;
    fcinfo->isnull = !pg::call([&] {
      return row_locks::lock_workspace(id, [&](pg::IndexScan &workspace) { copied = workspace.copy(); });
    });
    return copied;
  });
}

// prebuilds.lock_job(job_id uuid) returns record, see 41_row_locks.sql
PGDLLEXPORT Datum prebuilds_lock_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const auto id = pg::Arguments(fcinfo).optional_uuid(0);
    const auto locked = id ? row_locks::lock_job(*id) : std::nullopt;
    const std::array<pg::Param, 2> row = {locked ? pg::Param(locked->status) : pg::Param(),
                                          locked ? pg::Param(locked->worker_id) : pg::Param()};
    return pg::result_row(fcinfo, row);
  });
}

}  // extern "C"
