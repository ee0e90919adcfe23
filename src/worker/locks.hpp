// The locks around a worker, and who holds them. They are of LOCKTAG_ADVISORY with a fourth field that the
// SQL functions do not use, so no application's advisory lock meets them, and pg_locks shows them.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::worker {

// A worker holds it for its whole life, so that there are never two of them for one database.
LOCKTAG worker_lock_tag();

// Takes it for the session, without waiting. False: another worker has it.
bool try_worker_lock();

// The process that holds a lock, alone or shared with those who write for it; 0: nobody does.
pid_t holder_of(const LOCKTAG &tag);

}  // namespace prebuilds::worker
