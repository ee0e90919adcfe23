// What a provisioner takes: the oldest pending job of its queues that nobody else has locked.
#include "marks/lists.hpp"
#include "marks/marks.hpp"
#include "row_locks/row_locks.hpp"

using namespace prebuilds;

namespace {

// A queue, as far as it has been read.
struct Queue {
  std::int64_t key;
  marks::List list;
  marks::Look look;
  core::Place head = core::after_all;  // where it begins
};

// Rows as values of their tables' types.
struct Picked {
  bool found = false;
  Datum job = 0;
  std::optional<Datum> build, workspace;
};

// Once it is locked: somebody may have taken or canceled it meanwhile.
bool is_pending(pg::IndexScan &job) {
  return job.is_null(job.column("started_at")) && job.is_null(job.column("completed_at")) &&
         job.is_null(job.column("canceled_at"));
}

// False: somebody holds the row of the read model, or has just removed it, and is about to change the
// prebuild.
bool lock_live_prebuild(const core::Uuid &workspace) {
  pg::IndexScan live(pg::relation_oid("live_prebuilds"), "live_prebuilds_pkey", 1, RowShareLock);
  live.start(workspace);
  const bool free = !live.next() || live.lock_like_select(LockWaitSkip) == pg::RowLock::taken;
  live.end();
  return free;
}

// Looks up what the job builds, if it builds anything. False: the prebuild is not free, and the job is left
// to whoever has it. Nothing is copied before that: a build's state may be large.
bool take_build(const core::Uuid &job, Picked &picked) {
  bool free = true;
  pg::find_row("workspace_builds", "workspace_builds_job_id_key", job, [&](pg::IndexScan &build) {
    const core::Uuid id = build.uuid("workspace_id");
    pg::find_row("workspaces", "workspaces_pkey", id, [&](pg::IndexScan &workspace) {
      const bool prebuild =
          workspace.uuid("owner_id") == core::system_user && !DatumGetBool(workspace.value("deleted"));
      free = !prebuild || lock_live_prebuild(id);
      if (!free) return;
      picked.build = build.copy();
      picked.workspace = workspace.copy();
    });
  });
  return free;
}

// Walks over the queues together, from the oldest job to the youngest.
Picked pick(std::span<Queue> queues, bool of_prebuilds_user, std::span<const core::Uuid> passed_over) {
  struct Cursor {
    pg::ListScan jobs;
    std::optional<core::Place> place;
  };
  return pg::call([&] {
    Picked picked;
    row_locks::push_statement_snapshot();
    const std::span cursors(static_cast<Cursor *>(palloc(queues.size() * sizeof(Cursor))), queues.size());
    for (std::size_t i = 0; i < queues.size(); i++) {
      Queue &queue = queues[i];
      Cursor &cursor = *new (&cursors[i]) Cursor{
          .jobs{marks::pending_jobs, queue.key, of_prebuilds_user, RowShareLock}, .place{}};
      cursor.jobs.start(queue.look.from);
      cursor.place = cursor.jobs.next();
      if (cursor.place) queue.head = *cursor.place;
    }
    while (!picked.found) {
      CHECK_FOR_INTERRUPTS();
      const auto oldest =
          std::min_element(cursors.begin(), cursors.end(), [](const Cursor &a, const Cursor &b) {
            return a.place.value_or(core::after_all) < b.place.value_or(core::after_all);
          });
      if (oldest == cursors.end() || !oldest->place) break;
      const core::Uuid &id = oldest->place->id;
      pg::IndexScan &job = oldest->jobs.row();
      picked.found = std::find(passed_over.begin(), passed_over.end(), id) == passed_over.end() &&
                     job.lock_like_select(LockWaitSkip) == pg::RowLock::taken && is_pending(job) &&
                     take_build(id, picked);
      if (picked.found) {
        picked.job = job.copy();
      } else {
        oldest->place = oldest->jobs.next();
      }
    }
    for (Cursor &cursor : cursors) cursor.jobs.end();
    PopActiveSnapshot();
    return picked;
  });
}

Picked pick(std::span<const std::int64_t> queue_keys, bool of_prebuilds_user,
            std::span<const core::Uuid> passed_over) {
  std::vector<Queue> queues;
  for (const std::int64_t key : queue_keys) {
    const marks::List list = marks::queue(key, of_prebuilds_user);
    const marks::Look look = marks::look(list);
    if (look.from != core::after_all) queues.push_back({key, list, look});
  }
  const Picked picked = pick(queues, of_prebuilds_user, passed_over);
  // An older snapshot shows what has been taken since.
  if (!IsolationUsesXactSnapshot())
    for (const Queue &queue : queues) marks::found(queue.list, queue.look, queue.head);
  return picked;
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_lock_oldest_job);

// prebuilds.lock_oldest_job(queue_keys bigint[], passed_over uuid[]) returns record, see 41_row_locks.sql
PGDLLEXPORT Datum prebuilds_lock_oldest_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    std::vector<std::int64_t> queue_keys = pg::to_bigints(PG_GETARG_DATUM(0));
    std::sort(queue_keys.begin(), queue_keys.end());
    queue_keys.erase(std::unique(queue_keys.begin(), queue_keys.end()), queue_keys.end());
    const std::vector<core::Uuid> passed_over = pg::to_uuids(PG_GETARG_DATUM(1));
    Picked picked = pick(queue_keys, /* of_prebuilds_user = */ false, passed_over);
    if (!picked.found) picked = pick(queue_keys, /* of_prebuilds_user = */ true, passed_over);
    return pg::result_row(
        fcinfo, std::array{picked.job, picked.build.value_or(Datum{0}), picked.workspace.value_or(Datum{0})},
        std::array{!picked.found, !picked.build, !picked.workspace});
  });
}

}  // extern "C"
