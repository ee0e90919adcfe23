// What the launcher, the workers and all other backends share: one structure under one lock.
// It exists when the library is preloaded; every user asks available() first.
#pragma once

#include "pg/datum.hpp"
#include "reconciler/pass.hpp"
#include "worker/wake_set.hpp"

namespace prebuilds::worker {

// Why a worker ended; what the launcher does next follows from it.
enum class Ending {
  failed,           // an error, a crash, pg_terminate_backend: start another one, later and later
  no_extension,     // nothing to do here until someone creates the extension
  unknown_version,  // nothing to do here until someone updates the extension, or the library
  told,             // it was asked to go: by a stop or by a command that needs the database for itself
};

// What a worker is doing.
enum class Phase { starting, idle, running, failing };

// A database with a worker, with one on its way, or that must not have one.
struct Slot {
  Oid database;  // InvalidOid: the slot is free

  bool stopped;          // prebuilds_worker_stop() was called
  char stop_cause[256];  // and why
  bool starting;         // the launcher has asked for a worker that has not come up yet
  pid_t pid;             // of the worker; 0: there is none
  Latch *latch;          // of the worker
  Phase phase;
  TimestampTz phase_since;
  bool ended;  // a worker has gone and the launcher has not looked yet
  Ending ending;

  WakeSet wake;

  TimestampTz last_pass;  // when the last pass that held the lock began; 0: none yet
  reconciler::PassStats last_stats;
  std::array<std::int64_t, reconciler::pass_outcome_names.size()> passes;  // of anybody, by outcome
  TimestampTz next_due;  // when all presets are looked at again, or time alone changes something
  char problem[512];     // the error of the last pass; empty when it succeeded
};

// A command that needs a database for itself: no worker is started there before it ends.
struct Hold {
  Oid database;  // InvalidOid: free
  pid_t holder;
};

struct Shared {
  pid_t launcher_pid;  // 0: none
  Latch *launcher_latch;
  bool databases_changed;           // the launcher shall list the databases again
  core::BoundedSet<Oid, 64> retry;  // databases that the launcher shall try again
  ConditionVariable worker_gone;    // signalled when a worker ends
  std::array<Hold, 32> holds;
  std::array<Slot, 256> slots;
};

// Asks for the memory; only while the server loads its preloaded libraries.
void request_shared_memory();

bool available();

namespace detail {
extern Shared *shared;
extern LWLock *lock;
}  // namespace detail

// f(Shared &) under the lock. It must neither raise nor wait.
template <class F>
auto with_shared(F &&f) {
  struct Release {
    ~Release() { LWLockRelease(detail::lock); }
  };
  pg::call([] { LWLockAcquire(detail::lock, LW_EXCLUSIVE); });
  Release release;
  return f(*detail::shared);
}

// The slot of a database; nullptr when it has none. Under the lock, as all that follow.
Slot *find_slot(Shared &shared, Oid database);
// The same, taking a free slot when it has none; nullptr when all are taken.
Slot *obtain_slot(Shared &shared, Oid database);
bool is_held(const Shared &shared, Oid database);
void wake_launcher(Shared &shared);
void wake_worker(Slot &slot);

// Text that fits, cut off where it does not.
template <std::size_t Size>
void store_text(char (&to)[Size], std::string_view text) {
  const std::size_t length = pg_mbcliplen(text.data(), static_cast<int>(text.size()), Size - 1);
  std::memcpy(to, text.data(), length);
  to[length] = '\0';
}

}  // namespace prebuilds::worker
