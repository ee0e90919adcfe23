// A workspace and its job, locked in the order in which everybody locks: the workspace, its row of the read
// model, the job. Each waits for whoever holds it, as long as lock_timeout allows, and is looked for anew
// once the one before it is locked.
#include "pg/index_scan.hpp"
#include "pg/result_set.hpp"

using namespace prebuilds;

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

// What prebuilds.lock_job() returns of a job.
struct Locked {
  bool has_build = false;
  core::Uuid workspace_id, owner_id;
  std::optional<std::int64_t> ttl;
  core::Uuid build_id;
  int build_number = 0;
  Oid transition = InvalidOid;

  std::optional<Oid> job_status;  // of one that is there
  std::optional<core::Uuid> worker_id;
};

void find_build(const core::Uuid &job, Locked &locked) {
  pg::push_statement_snapshot();
  locked.has_build =
      pg::find_row("workspace_builds", "workspace_builds_job_id_key", job, [&](pg::IndexScan &build) {
        locked.workspace_id = build.uuid("workspace_id");
        locked.build_id = build.uuid("id");
        locked.build_number = DatumGetInt32(build.value("build_number"));
        locked.transition = DatumGetObjectId(build.value("transition"));
      });
  PopActiveSnapshot();
}

Locked lock_job(const core::Uuid &id) {
  return pg::call([&] {
    Locked locked;
    find_build(id, locked);
    if (locked.has_build) {
      lock_workspace(locked.workspace_id, [&](pg::IndexScan &workspace) {
        locked.owner_id = workspace.uuid("owner_id");
        const AttrNumber ttl = workspace.column("ttl");
        if (!workspace.is_null(ttl)) locked.ttl = DatumGetInt64(workspace.value(ttl));
      });
    }
    lock_row("provisioner_jobs", "provisioner_jobs_pkey", id, [&](pg::IndexScan &job) {
      locked.job_status = DatumGetObjectId(job.value("job_status"));
      if (!job.is_null(job.column("worker_id"))) locked.worker_id = job.uuid("worker_id");
    });
    return locked;
  });
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_lock_workspace);
PG_FUNCTION_INFO_V1(prebuilds_lock_job);

// prebuilds.lock_workspace(workspace_id uuid) returns prebuilds.workspaces
PGDLLEXPORT Datum prebuilds_lock_workspace(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid id = pg::to_uuid(PG_GETARG_DATUM(0));
    Datum copied = 0;
    fcinfo->isnull = !pg::call(
        [&] { return lock_workspace(id, [&](pg::IndexScan &workspace) { copied = workspace.copy(); }); });
    return copied;
  });
}

// prebuilds.lock_job(job_id uuid) returns record, see 41_row_locks.sql
PGDLLEXPORT Datum prebuilds_lock_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const Locked locked = PG_ARGISNULL(0) ? Locked{} : lock_job(pg::to_uuid(PG_GETARG_DATUM(0)));
    const auto of_build = [&](auto value) { return locked.has_build ? pg::Param(value) : pg::Param(); };
    return pg::result_row(fcinfo, std::array{of_build(locked.workspace_id), of_build(locked.owner_id),
                                             pg::Param(locked.ttl), of_build(locked.build_id),
                                             of_build(locked.build_number), of_build(locked.transition),
                                             pg::Param(locked.job_status), pg::Param(locked.worker_id)});
  });
}

}  // extern "C"
