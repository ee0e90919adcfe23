// The background processes; docs/worker.md has their states and life cycles.
//
// The launcher, one per server when the library is preloaded, keeps a worker in every database with the
// extension. A worker makes a pass when something changed or when time alone changes something, and a full
// sweep every interval.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::worker {

inline constexpr const char *worker_type = "pg_prebuilds worker";

// Registers the launcher, the shared memory and the hooks; only while the server loads its preloaded
// libraries.
void register_preloaded();

// Chains the hooks that keep workers out of the way of commands that need a database for themselves.
void install_hooks();

// A registration of a database's worker; `name` is the database's.
BackgroundWorker worker_registration(Oid database, const char *name);

// Cancels what the worker of a database is doing and waits until the process is gone. It goes only when its
// slot or a hold tells it to, so the caller has seen to that. False: it is still there at the time limit.
bool wait_for_worker_to_go(Oid database, std::chrono::seconds limit);

}  // namespace prebuilds::worker
