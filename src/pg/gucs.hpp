// The settings of the extension, as PostgreSQL keeps them.
#pragma once

#include "core/decide.hpp"
#include "pg/boundary.hpp"

namespace prebuilds::pg::guc {

extern bool enabled;
extern int reconciliation_interval_ms;
extern int reconciliation_backoff_interval_ms;
extern int reconciliation_backoff_lookback_ms;
extern int failure_hard_limit;
extern int reconciliation_concurrency;
extern int max_creates_per_pass;
extern int provisioner_stale_interval_ms;
extern int job_hang_timeout_ms;
extern int job_pending_timeout_ms;
extern int history_retention_minutes;
// For tests: commits wake no worker, so that the sweep has to find everything.
extern bool debug_drop_wakeups;

// Defines all of them and reserves the prefix.
void define();

// Those that decisions depend on.
core::Settings decision_settings();

}  // namespace prebuilds::pg::guc
