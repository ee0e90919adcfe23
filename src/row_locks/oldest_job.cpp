// What a provisioner takes: the oldest pending job of its queues that nobody else has locked.
#include "marks/lists.hpp"
#include "marks/marks.hpp"
#include "pg/result_set.hpp"

using namespace prebuilds;

namespace {

// A queue, as far as it has been read.
struct Queue {
  std::int64_t key;
  marks::List list;
  marks::Look look;
  core::Place head = core::after_all;  // where it begins
};

// prebuilds.pending_job, column by column.
enum Column {
  job_id,
  organization_id,
  provisioner,
  type,
  input,
  tags,
  workspace_id,
  workspace_name,
  owner_id,
  workspace_deleted,
  build_id,
  template_version_id,
  transition,
  build_number,
  provisioner_state,
  columns
};

// NULL where nothing is taken.
class PendingJob {
 public:
  // From a row's column of the same meaning. Only inside of call().
  void take(std::size_t column, pg::IndexScan &row, const char *name) {
    if (const auto value = row.copy(name)) values_[column] = pg::AsIs{*value};
  }
  Datum result(FunctionCallInfo fcinfo) const { return pg::result_row(fcinfo, values_); }

 private:
  std::array<pg::Param, columns> values_;
};

// Once it is locked: somebody may have taken or canceled it meanwhile.
bool is_pending(pg::IndexScan &job) {
  return job.is_null(job.column("started_at")) && job.is_null(job.column("completed_at")) &&
         job.is_null(job.column("canceled_at"));
}

// False: somebody holds the row of the read model, or has just removed it, and is about to change the
// prebuild.
bool lock_live_prebuild(const core::Uuid &workspace) {
  pg::IndexScan live("live_prebuilds", "live_prebuilds_pkey", 1, RowShareLock);
  live.start(workspace);
  const bool free = !live.next() || live.lock_like_select(LockWaitSkip) == pg::RowLock::taken;
  live.end();
  return free;
}

// Looks up what the job builds, if it builds anything. False: the prebuild is not free, and the job is left
// to whoever has it. Nothing is copied before that: a build's state may be large.
bool take_build(const core::Uuid &job, PendingJob &taken) {
  bool free = true;
  pg::find_row("workspace_builds", "workspace_builds_job_id_key", job, [&](pg::IndexScan &build) {
    const core::Uuid id = build.uuid("workspace_id");
    pg::find_row("workspaces", "workspaces_pkey", id, [&](pg::IndexScan &workspace) {
      const bool prebuild =
          workspace.uuid("owner_id") == core::system_user && !DatumGetBool(workspace.value("deleted"));
      free = !prebuild || lock_live_prebuild(id);
      if (!free) return;
      taken.take(workspace_id, workspace, "id");
      taken.take(workspace_name, workspace, "name");
      taken.take(owner_id, workspace, "owner_id");
      taken.take(workspace_deleted, workspace, "deleted");
      taken.take(build_id, build, "id");
      taken.take(template_version_id, build, "template_version_id");
      taken.take(transition, build, "transition");
      taken.take(build_number, build, "build_number");
      taken.take(provisioner_state, build, "provisioner_state");
    });
  });
  return free;
}

void take_job(pg::IndexScan &job, PendingJob &taken) {
  taken.take(job_id, job, "id");
  taken.take(organization_id, job, "organization_id");
  taken.take(provisioner, job, "provisioner");
  taken.take(type, job, "type");
  taken.take(input, job, "input");
  taken.take(tags, job, "tags");
}

// Walks over the queues together, from the oldest job to the youngest.
std::optional<PendingJob> pick(std::span<Queue> queues, bool of_prebuilds_user,
                               std::span<const core::Uuid> passed_over) {
  struct Cursor {
    pg::ListScan jobs;
    std::optional<core::Place> place;
  };
  return pg::call([&] {
    PendingJob taken;
    bool found = false;
    pg::push_statement_snapshot();
    const std::span cursors(static_cast<Cursor *>(palloc(queues.size() * sizeof(Cursor))), queues.size());
    for (std::size_t i = 0; i < queues.size(); i++) {
      Queue &queue = queues[i];
      Cursor &cursor = *new (&cursors[i]) Cursor{
          .jobs{marks::pending_jobs, queue.key, of_prebuilds_user, RowShareLock}, .place{}};
      cursor.jobs.start(queue.look.from);
      cursor.place = cursor.jobs.next();
      if (cursor.place) queue.head = *cursor.place;
    }
    while (!found) {
      CHECK_FOR_INTERRUPTS();
      const auto oldest =
          std::min_element(cursors.begin(), cursors.end(), [](const Cursor &a, const Cursor &b) {
            return a.place.value_or(core::after_all) < b.place.value_or(core::after_all);
          });
      if (oldest == cursors.end() || !oldest->place) break;
      const core::Uuid &id = oldest->place->id;
      pg::IndexScan &job = oldest->jobs.row();
      found = std::find(passed_over.begin(), passed_over.end(), id) == passed_over.end() &&
              job.lock_like_select(LockWaitSkip) == pg::RowLock::taken && is_pending(job) &&
              take_build(id, taken);
      if (found) {
        take_job(job, taken);
      } else {
        oldest->place = oldest->jobs.next();
      }
    }
    for (Cursor &cursor : cursors) cursor.jobs.end();
    PopActiveSnapshot();
    return found ? std::optional(taken) : std::nullopt;
  });
}

std::optional<PendingJob> pick(std::span<const std::int64_t> queue_keys, bool of_prebuilds_user,
                               std::span<const core::Uuid> passed_over) {
  std::vector<Queue> queues;
  for (const std::int64_t key : queue_keys) {
    const marks::List list = marks::queue(key, of_prebuilds_user);
    const marks::Look look = marks::look(list);
    if (look.from != core::after_all) queues.push_back({key, list, look});
  }
  const std::optional<PendingJob> picked = pick(queues, of_prebuilds_user, passed_over);
  // An older snapshot shows what has been taken since.
  if (!IsolationUsesXactSnapshot())
    for (const Queue &queue : queues) marks::found(queue.list, queue.look, queue.head);
  return picked;
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_lock_oldest_job);

// prebuilds.lock_oldest_job(queue_keys bigint[], passed_over uuid[]) returns prebuilds.pending_job
PGDLLEXPORT Datum prebuilds_lock_oldest_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    std::vector<std::int64_t> queue_keys = pg::to_bigints(PG_GETARG_DATUM(0));
    std::sort(queue_keys.begin(), queue_keys.end());
    queue_keys.erase(std::unique(queue_keys.begin(), queue_keys.end()), queue_keys.end());
    const std::vector<core::Uuid> passed_over = pg::to_uuids(PG_GETARG_DATUM(1));
    auto picked = pick(queue_keys, /* of_prebuilds_user = */ false, passed_over);
    if (!picked) picked = pick(queue_keys, /* of_prebuilds_user = */ true, passed_over);
    fcinfo->isnull = !picked;
    return picked ? picked->result(fcinfo) : Datum{0};
  });
}

}  // extern "C"
