// One pass at a time per database.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::reconciler {

// An advisory lock of a class of our own: the fourth field is 1 or 2 for the SQL functions, so that no
// application's advisory lock ever meets it.
LOCKTAG pass_lock_tag();

// Never waits. The lock is the transaction's, and goes with it.
bool try_pass_lock();

// For the process that has the lock: lets others that write parts of its pass join it.
void share_pass_lock();

// For such a process: no pass begins before its transaction has ended, whatever becomes of the one that
// shared the lock with it. Never waits. False: another pass has begun.
bool join_pass_lock();

}  // namespace prebuilds::reconciler
