// A provisioner daemon: whose it is, whether it is alive, and which queues it works on.
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::queue {

// In palloc'd memory.
struct Daemon {
  core::Uuid id;
  core::Uuid organization_id;
  Datum provisioners = 0;  // text[], the types of jobs that it can do; it may hold NULLs
  Datum tags = 0;          // jsonb, as they are stored
};

// The daemon, which is alive and the caller's; noted at most every 10 seconds. Errors as of
// prebuilds.note_sign_of_life().
Daemon sign_of_life(const pg::Param &id, core::Instant now);

// The queues whose jobs it may take, each once. Its tags are normalized, as below.
std::vector<std::int64_t> queues_of(const Daemon &daemon);

// Two queues may share a key, and tags can be chosen so that they do: hence a look at each job, too.
bool may_take(const Daemon &daemon, const core::Uuid &organization_id, Datum provisioner, Datum tags);

}  // namespace prebuilds::queue
