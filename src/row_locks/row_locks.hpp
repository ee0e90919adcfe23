// What the row locks have in common. The API locks rows by index before it changes them: to start an executor
// for each would take longer than all of it.
#pragma once

#include "pg/index_scan.hpp"
#include "pg/result_set.hpp"

namespace prebuilds::row_locks {

// A snapshot as a statement would have that begins now. Only inside of call().
inline void push_statement_snapshot() { PushActiveSnapshot(GetTransactionSnapshot()); }

}  // namespace prebuilds::row_locks
