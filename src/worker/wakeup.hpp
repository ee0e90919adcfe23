// Tells the worker, at commit, what a transaction changed. Everything here is a hint: what is lost (a crash,
// a two-phase commit, no shared memory) the next sweep finds.
//
// What is noted is thrown away when the transaction rolls back, and kept when only a subtransaction does.
#pragma once

#include <span>

#include "core/uuid.hpp"

namespace prebuilds::worker {

// Something happened that may change what a preset's pool needs.
void note_changed(const core::Uuid &preset);

// Something happened that may concern any pool.
void note_everything();

// Jobs were inserted into these queues. False: nobody will announce them, so that the caller has to.
bool note_jobs_posted(std::span<const std::int64_t> queue_keys);

// The extension was created, updated or dropped.
void note_extension_changed();

// Databases came or went.
void note_databases_changed();

// While it lives nothing is noted: for a pass, after which no other one is needed.
class Unnoted {
 public:
  Unnoted();
  ~Unnoted();
  Unnoted(const Unnoted &) = delete;
  Unnoted &operator=(const Unnoted &) = delete;
};

}  // namespace prebuilds::worker
