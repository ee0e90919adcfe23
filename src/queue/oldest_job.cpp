#include "queue/oldest_job.hpp"

#include "marks/lists.hpp"
#include "marks/marks.hpp"

namespace prebuilds::queue {

namespace {

// A queue, as far as it has been read.
struct Queue {
  std::int64_t key;
  marks::List list;
  marks::Look look;
  core::Place head = core::after_all;  // where it begins
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

PendingBuild read_build(pg::IndexScan &build, pg::IndexScan &workspace) {
  const bool deleted = DatumGetBool(workspace.value("deleted"));  // then nobody will need the state
  return {.id = build.uuid("id"),
          .template_version_id = build.uuid("template_version_id"),
          .transition = DatumGetObjectId(build.value("transition")),
          .number = DatumGetInt32(build.value("build_number")),
          .provisioner_state = deleted ? std::nullopt : build.copy("provisioner_state"),
          .workspace_id = workspace.uuid("id"),
          .workspace_name = *workspace.copy("name"),
          .owner_id = workspace.uuid("owner_id"),
          .workspace_deleted = deleted};
}

// Looks up what the job builds, if it builds anything. False: the prebuild is not free, and the job is left
// to whoever has it. Nothing is copied before that: a build's state may be large.
bool take_build(PendingJob &taken) {
  bool free = true;
  pg::find_row("workspace_builds", "workspace_builds_job_id_key", taken.id, [&](pg::IndexScan &build) {
    const core::Uuid id = build.uuid("workspace_id");
    pg::find_row("workspaces", "workspaces_pkey", id, [&](pg::IndexScan &workspace) {
      const bool prebuild =
          workspace.uuid("owner_id") == core::system_user && !DatumGetBool(workspace.value("deleted"));
      free = !prebuild || lock_live_prebuild(id);
      if (free) taken.build = read_build(build, workspace);
    });
  });
  return free;
}

void read_job(pg::IndexScan &job, PendingJob &taken) {
  taken.organization_id = job.uuid("organization_id");
  taken.provisioner = job.copy("provisioner")->value;
  taken.type = DatumGetObjectId(job.value("type"));
  taken.input = job.copy("input")->value;
  taken.tags = job.copy("tags")->value;
}

// Walks over the queues together, from the oldest job to the youngest.
std::optional<PendingJob> pick(std::span<Queue> queues, bool of_prebuilds_user,
                               std::span<const core::Uuid> passed_over) {
  if (queues.empty()) return std::nullopt;
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
      taken.id = oldest->place->id;
      pg::IndexScan &job = oldest->jobs.row();
      found = std::find(passed_over.begin(), passed_over.end(), taken.id) == passed_over.end() &&
              job.lock_like_select(LockWaitSkip) == pg::RowLock::taken && is_pending(job) &&
              take_build(taken);
      if (found) {
        read_job(job, taken);
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

std::optional<PendingJob> lock_oldest_job(std::span<const std::int64_t> queue_keys,
                                          std::span<const core::Uuid> passed_over) {
  const auto picked = pick(queue_keys, /* of_prebuilds_user = */ false, passed_over);
  return picked ? picked : pick(queue_keys, /* of_prebuilds_user = */ true, passed_over);
}

}  // namespace prebuilds::queue
