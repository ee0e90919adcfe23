// A provisioner has done a job.
#include <cmath>

#include "pg/arguments.hpp"
#include "queue/daemon.hpp"
#include "queue/resources.hpp"
#include "row_locks/workspace.hpp"

using namespace prebuilds;

namespace {

constinit pg::Statement refuse_held(R"sql(
  SELECT prebuilds.refuse_held($1, $2, $3, $4::prebuilds.provisioner_job_status)
)sql",
                                    UUIDOID, UUIDOID, UUIDOID, TEXTOID);

// From the few builds of this workspace to their agents by key; fenced, or else tables are joined whole.
constinit pg::Statement delete_earlier_agents(R"sql(
  UPDATE prebuilds.workspace_agents AS a
     SET deleted = true, updated_at = $3
   WHERE NOT a.deleted
     AND a.id = ANY (ARRAY(
         SELECT old.id
           FROM (SELECT b.job_id
                   FROM prebuilds.workspace_builds AS b
                  WHERE b.workspace_id = $1 AND b.id <> $2
                 OFFSET 0) AS b
          CROSS JOIN LATERAL (
                SELECT r.id FROM prebuilds.workspace_resources AS r WHERE r.job_id = b.job_id OFFSET 0) AS r
          CROSS JOIN LATERAL (
                SELECT g.id
                  FROM prebuilds.workspace_agents AS g
                 WHERE g.resource_id = r.id AND NOT g.deleted
                OFFSET 0) AS old))
)sql",
                                              UUIDOID, UUIDOID, TIMESTAMPTZOID);

// One statement. It closes the build as well: written a second time in this transaction, the build would have
// to look up again all that it refers to. The agents are made from the row of the job, so that triggers have
// noted both before the first of them derives the prebuild: then it is derived once.
constinit pg::Statement complete(R"sql(
  WITH new_resources AS (
    INSERT INTO prebuilds.workspace_resources
           (id, created_at, updated_at, job_id, transition, type, name, daily_cost, instance_type, metadata)
    SELECT r.id, $2, $2, $1, $3::prebuilds.workspace_transition, r.type, r.name, r.daily_cost, r.instance_type, r.metadata
      FROM unnest($4) AS r
           (id uuid, created_at timestamptz, updated_at timestamptz, job_id uuid,
            transition prebuilds.workspace_transition, type text, name text, daily_cost integer, instance_type text,
            metadata jsonb)
  ), completed AS (
    UPDATE prebuilds.provisioner_jobs AS j
       SET completed_at = $2, updated_at = $2
     WHERE j.id = $1
    RETURNING j.id
  ), closed AS (
    UPDATE prebuilds.workspace_builds AS b
       SET updated_at = $2, provisioner_state = coalesce($6, b.provisioner_state), deadline = coalesce($7, b.deadline),
           daily_cost = $8, open = DEFAULT
      FROM completed AS j
     WHERE b.job_id = j.id
  )
  INSERT INTO prebuilds.workspace_agents (id, created_at, updated_at, resource_id, name, metadata)
  SELECT a.id, $2, $2, a.resource_id, a.name, a.metadata
    FROM completed AS j
   CROSS JOIN unnest($5) AS a
         (id uuid, created_at timestamptz, updated_at timestamptz, resource_id uuid, name text,
          lifecycle_state prebuilds.workspace_agent_lifecycle_state, parent_id uuid, deleted boolean,
          started_at timestamptz, ready_at timestamptz, first_ready_at timestamptz, metadata jsonb)
)sql",
                                 UUIDOID, TIMESTAMPTZOID, TEXTOID, RECORDARRAYOID, RECORDARRAYOID, BYTEAOID,
                                 TIMESTAMPTZOID, INT4OID);

constinit pg::Statement delete_workspace(R"sql(
  UPDATE prebuilds.workspaces SET deleted = true, updated_at = $2 WHERE id = $1
)sql",
                                         UUIDOID, TIMESTAMPTZOID);

[[noreturn]] void refuse(std::initializer_list<pg::Param> job) {
  refuse_held.read(job);
  throw pg::SqlError(ERRCODE_INTERNAL_ERROR, "prebuilds.refuse_held() did not refuse");
}

// A job of the daemon that is at work.
struct HeldJob {
  core::Uuid id;
  std::string_view status;
  std::optional<row_locks::LockedBuild> build;
  std::string_view transition = "start";  // of the build
};

HeldJob lock_held_job(const std::optional<core::Uuid> &id, const core::Uuid &daemon) {
  const auto locked = id ? row_locks::lock_job(*id) : std::nullopt;
  std::optional<std::string_view> status;
  if (locked) status = pg::to_label(locked->status);
  // As prebuilds.holds() says.
  if (!locked || locked->worker_id != daemon || (status != "running" && status != "canceling"))
    refuse({id, daemon, locked ? locked->worker_id : std::nullopt, status});
  HeldJob held{.id = *id, .status = *status, .build = locked->build};
  if (held.build) held.transition = pg::to_label(held.build->transition);
  return held;
}

// When the workspace that the job has started stops by itself, if it does.
std::optional<core::Instant> deadline_of(const HeldJob &job, core::Instant now) {
  if (!job.build || job.transition != "start" || job.status != "running") return std::nullopt;
  const std::int64_t ttl = job.build->ttl.value_or(0);
  if (ttl <= 0 || job.build->owner_id == core::system_user) return std::nullopt;
  return core::later(now, core::Duration{std::llrint(static_cast<double>(ttl) / 1000)});
}

void complete_job(const HeldJob &job, const queue::Resources &made, const pg::Param &provisioner_state,
                  core::Instant now) {
  if (job.build && job.build->number > 1)
    delete_earlier_agents.run_at_isolation_level({job.build->workspace_id, job.build->id, now});
  complete.run_at_isolation_level({job.id, now, job.transition, made.resources, made.agents,
                                   provisioner_state, deadline_of(job, now), made.daily_cost});
  // Canceled or not: what it stood for is gone.
  if (job.transition == "delete") delete_workspace.run_at_isolation_level({job.build->workspace_id, now});
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_complete_job);

// prebuilds_complete_job(job_id uuid, daemon_id uuid, provisioner_state bytea, resources jsonb) returns
// uuid[]
PGDLLEXPORT Datum prebuilds_complete_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const pg::Arguments given(fcinfo);
    const core::Instant now = pg::to_instant(GetCurrentTimestamp());
    const queue::Daemon daemon = queue::sign_of_life(given.optional(1), now);
    std::vector<core::Uuid> agent_ids;
    {
      const pg::SpiSession session;
      queue::Resources made = queue::read_resources(given.required(3, "resources"), now);
      complete_job(lock_held_job(given.optional_uuid(0), daemon.id), made, given.optional(2), now);
      agent_ids = std::move(made.agent_ids);
    }
    return pg::to_array(agent_ids);
  });
}

}  // extern "C"
