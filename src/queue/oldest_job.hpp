// What a provisioner takes: the oldest pending job of its queues that nobody else has locked.
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::queue {

// The build that a job is for, and its workspace.
struct PendingBuild {
  core::Uuid id;
  core::Uuid template_version_id;
  Oid transition = InvalidOid;  // the value of an enum, as the type of a job
  int number = 0;
  std::optional<pg::AsIs> provisioner_state;  // bytea
  core::Uuid workspace_id;
  pg::AsIs workspace_name;  // text
  core::Uuid owner_id;
  bool workspace_deleted = false;
};

// In palloc'd memory.
struct PendingJob {
  core::Uuid id;
  core::Uuid organization_id;
  Datum provisioner = 0;  // text
  Oid type = InvalidOid;
  Datum input = 0;  // jsonb, as the tags
  Datum tags = 0;
  std::optional<PendingBuild> build;
};

// Locks the oldest pending job of these queues, of people before the prebuilds user, that is not passed over
// and not locked by anybody else, neither itself nor its prebuild's row of the read model; its build and
// workspace are not locked. None = there is no such job. What was tried on the way may stay locked. Never
// waits, and passes over what has changed since the snapshot of a transaction in REPEATABLE READ and above.
// Error 25006 in a read-only transaction. Queues ascend.
std::optional<PendingJob> lock_oldest_job(std::span<const std::int64_t> queue_keys,
                                          std::span<const core::Uuid> passed_over);

}  // namespace prebuilds::queue
