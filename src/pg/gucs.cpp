#include "pg/gucs.hpp"

#include <limits>

namespace prebuilds::pg::guc {

bool enabled = true;
int reconciliation_interval_ms = 15'000;
int reconciliation_backoff_interval_ms = 60'000;
int reconciliation_backoff_lookback_ms = 3'600'000;
int failure_hard_limit = 3;
int reconciliation_concurrency = 2;
int max_creates_per_pass = 20'000;
int provisioner_stale_interval_ms = 90'000;
int job_hang_timeout_ms = 300'000;
int job_pending_timeout_ms = 1'800'000;
int history_retention_minutes = 7 * 24 * 60;
bool debug_drop_wakeups = false;

namespace {

constexpr int max_int = std::numeric_limits<int>::max();

void define_bool(const char *name, const char *what, bool *variable, int flags) {
  call([&] {
    DefineCustomBoolVariable(name, what, nullptr, variable, *variable, PGC_SUSET, flags, nullptr, nullptr,
                             nullptr);
  });
}

void define_int(const char *name, const char *what, int *variable, int minimum, int maximum, int unit) {
  call([&] {
    DefineCustomIntVariable(name, what, nullptr, variable, *variable, minimum, maximum, PGC_SUSET, unit,
                            nullptr, nullptr, nullptr);
  });
}

}  // namespace

void define() {
  define_bool("prebuilds.enabled", "Reconciles pools and hands out prebuilds.", &enabled, 0);
  define_int("prebuilds.reconciliation_interval", "Time between two full sweeps of the worker.",
             &reconciliation_interval_ms, 1, max_int, GUC_UNIT_MS);
  define_int("prebuilds.reconciliation_backoff_interval",
             "Step by which creates of a preset are delayed for each recent failure.",
             &reconciliation_backoff_interval_ms, 0, max_int, GUC_UNIT_MS);
  define_int("prebuilds.reconciliation_backoff_lookback", "How far back failures count for the backoff.",
             &reconciliation_backoff_lookback_ms, 0, max_int, GUC_UNIT_MS);
  define_int("prebuilds.failure_hard_limit",
             "Consecutive failures after which a preset creates nothing more; 0 disables the limit.",
             &failure_hard_limit, 0, 1000, 0);
  define_int("prebuilds.reconciliation_concurrency",
             "Writers of a worker's pass; 0 means half of max_worker_processes, at least 1.",
             &reconciliation_concurrency, 0, 64, 0);
  define_int("prebuilds.max_creates_per_pass", "Prebuilds that one pass creates at most.",
             &max_creates_per_pass, 1, 1'000'000, 0);
  define_int("prebuilds.provisioner_stale_interval", "Silence after which a provisioner counts as gone.",
             &provisioner_stale_interval_ms, 1000, max_int, GUC_UNIT_MS);
  define_int("prebuilds.job_hang_timeout", "Silence after which a running job is failed.",
             &job_hang_timeout_ms, 1000, max_int, GUC_UNIT_MS);
  define_int("prebuilds.job_pending_timeout", "Time after which a pending job of a person is failed.",
             &job_pending_timeout_ms, 1000, max_int, GUC_UNIT_MS);
  define_int("prebuilds.history_retention", "How long evidence is kept; 0 means for ever.",
             &history_retention_minutes, 0, max_int, GUC_UNIT_MIN);
  define_bool("prebuilds.debug_drop_wakeups", "Commits do not wake the worker (for tests).",
              &debug_drop_wakeups, GUC_NOT_IN_SAMPLE);
  call([] { MarkGUCPrefixReserved("prebuilds"); });
}

core::Settings decision_settings() {
  return {
      .backoff_interval = std::chrono::milliseconds(reconciliation_backoff_interval_ms),
      .backoff_lookback = std::chrono::milliseconds(reconciliation_backoff_lookback_ms),
      .failure_hard_limit = failure_hard_limit,
      .max_creates_per_pass = max_creates_per_pass,
  };
}

}  // namespace prebuilds::pg::guc
