// A provisioner takes jobs.
#include "pg/arguments.hpp"
#include "pg/index_scan.hpp"
#include "pg/jsonb.hpp"
#include "pg/result_set.hpp"
#include "queue/daemon.hpp"
#include "queue/description.hpp"
#include "queue/tags.hpp"
#include "reconciler/standstill.hpp"

using namespace prebuilds;

namespace {

constinit pg::Statement start_job(R"sql(
  UPDATE prebuilds.provisioner_jobs
     SET started_at = $2, updated_at = $2, worker_id = $3
   WHERE id = $1
)sql",
                                  UUIDOID, TIMESTAMPTZOID, UUIDOID);

constinit pg::Statement cancel_job(R"sql(
  UPDATE prebuilds.provisioner_jobs
     SET canceled_at = $2, completed_at = $2, updated_at = $2
   WHERE id = $1
)sql",
                                   UUIDOID, TIMESTAMPTZOID);

int amount_of(Datum max_jobs) {
  const int amount = DatumGetInt32(max_jobs);
  if (amount < 1)
    throw pg::SqlError(ERRCODE_INVALID_PARAMETER_VALUE,
                       "max_jobs " + std::to_string(amount) + " is out of range", {},
                       "Ask for at least one job.");
  return amount;
}

bool held() {
  pg::call([] { pg::push_statement_snapshot(); });
  const bool is_held = reconciler::held();
  pg::call([] { PopActiveSnapshot(); });
  return is_held;
}

// Whether a daemon may take a job that is locked, which is then started; otherwise it is passed over.
bool take(const queue::Daemon &daemon, queue::PendingJob &job, core::Instant now) {
  job.tags = queue::normalized(job.tags);
  if (job.build && job.build->workspace_deleted) {
    // Nobody will ever take it, so it must not stay at the head of the queue either.
    cancel_job.run_at_isolation_level({job.id, now});
    return false;
  }
  if (!queue::may_take(daemon, job.organization_id, job.provisioner, job.tags)) return false;
  start_job.run_at_isolation_level({job.id, now, daemon.id});
  return true;
}

// What the build does to a prebuild: makes one, hands it to somebody, or none of these.
std::string_view stage_of(const queue::PendingJob &job) {
  const auto stage =
      pg::call([&] { return pg::text_member(job.input, "prebuilt_workspace_stage"); }).value_or("");
  return stage == "create" || stage == "claim" ? stage : "none";
}

void add(pg::ResultSet &result, const queue::PendingJob &job) {
  const queue::Description described = queue::describe(job);
  using Build = queue::PendingBuild;
  const auto of_build = [&](auto member) {
    return job.build ? pg::Param((*job.build).*member) : pg::Param();
  };
  std::optional<std::string_view> transition;
  if (job.build) transition = pg::to_label(job.build->transition);
  result.add({job.id, pg::to_label(job.type), of_build(&Build::workspace_id),
              of_build(&Build::workspace_name), of_build(&Build::owner_id), described.owner_name, transition,
              of_build(&Build::number), stage_of(job), described.organization_name, described.template_name,
              described.version_name, described.definition, described.parameters,
              of_build(&Build::provisioner_state), pg::AsIs{job.tags}});
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_acquire_job);

// prebuilds_acquire_job(daemon_id uuid, max_jobs integer) returns table (…), see 62_queue_api.sql
PGDLLEXPORT Datum prebuilds_acquire_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const pg::Arguments given(fcinfo);
    const core::Instant now = pg::to_instant(GetCurrentTimestamp());
    pg::ResultSet result(fcinfo);
    queue::Daemon daemon = queue::sign_of_life(given.optional(0), now);
    const int amount = amount_of(given.required(1, "max_jobs"));
    if (held()) return Datum{0};
    daemon.tags = queue::normalized(daemon.tags);
    std::vector<std::int64_t> queues = queue::queues_of(daemon);
    std::vector<core::Uuid> passed_over;
    for (int taken = 0; taken < amount;) {
      const pg::SpiSession session;  // what is read of a job goes with it
      auto job = queue::lock_oldest_job(queues, passed_over);
      if (!job) break;
      if (take(daemon, *job, now)) {
        add(result, *job);
        if (++taken < amount) queues = queue::queues_of(daemon);  // there may be more of them by now
      } else {
        passed_over.push_back(job->id);
      }
    }
    return Datum{0};
  });
}

}  // extern "C"
