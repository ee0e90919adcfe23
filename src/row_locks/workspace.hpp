// A workspace and its job, locked in the order in which everybody locks: the workspace, its row of the read
// model, the job. Each waits for whoever holds it, as long as lock_timeout allows, and is looked for anew
// once the one before it is locked.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::row_locks {

// The build that a job is for; it is not locked itself, its workspace is.
struct LockedBuild {
  core::Uuid id;
  int number = 0;
  Oid transition = InvalidOid;  // the value of an enum, as the status of a job
  core::Uuid workspace_id;
  core::Uuid owner_id = {};
  std::optional<std::int64_t> ttl = {};  // nanoseconds
};

struct LockedJob {
  Oid status = InvalidOid;
  std::optional<core::Uuid> worker_id;
  std::optional<LockedBuild> build;
};

// None: there is no such job. Error 40001: in REPEATABLE READ and above, when one of the rows has changed
// since the snapshot.
std::optional<LockedJob> lock_job(const core::Uuid &id);

}  // namespace prebuilds::row_locks
