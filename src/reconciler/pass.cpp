#include "reconciler/pass.hpp"

#include "core/due.hpp"
#include "marks/marks.hpp"
#include "pg/gucs.hpp"
#include "pg/settings.hpp"
#include "read_model/read_model.hpp"
#include "reconciler/apply.hpp"
#include "reconciler/membership.hpp"
#include "reconciler/pass_lock.hpp"
#include "reconciler/record.hpp"
#include "reconciler/snapshot.hpp"
#include "reconciler/standstill.hpp"
#include "worker/pass_counts.hpp"
#include "worker/wakeup.hpp"

namespace prebuilds::reconciler {

namespace {

using namespace std::chrono_literals;

// A row that a pass found locked may be free again without a change that would wake the worker.
constexpr core::Duration conflict_retry = 1s;

// Some 5 µs each.
constexpr int prebuilds_verified_per_sweep = 200;

core::Instant clock_now() { return pg::to_instant(GetCurrentTimestamp()); }

void count(const PassStats &stats) {
  worker::count_pass(!stats.lock_acquired    ? PassOutcome::without_lock
                     : stats.paused          ? PassOutcome::paused
                     : stats.did_something() ? PassOutcome::acted
                                             : PassOutcome::idle);
}

// Everything after the lock and the snapshot. `begin` is the clock's, for elapsed; `now` is what is decided
// for; expiries matter until `horizon`.
WorkerTurn locked_pass(const std::optional<std::vector<Pool>> &pools, Writers writers, core::Instant begin,
                       core::Instant now, std::optional<core::Instant> horizon) {
  WorkerTurn turn;
  PassStats &stats = turn.stats;
  stats.lock_acquired = true;
  turn.standstill = standstill();
  if (turn.standstill) {
    stats.paused = true;
    return turn;
  }
  const worker::Unnoted unnoted;
  const Need need = pools_in_need(pools, now, horizon);
  const bool memberships_hold = pools && memberships_complete(need.organizations);
  const int busy_organizations = memberships_hold ? 0 : reconcile_free_memberships(now);
  const Plan plan = plan_pools(need.pools, now, Reader::pass);
  turn.due = need.expiring;
  for (const core::PresetPlan &each : plan.plans) {
    if (const auto due = core::next_due(*each.preset, each.decision, now))
      turn.due.push_back({each.preset->id, *due});
    if (!each.decision.can_skip) stats.presets_total++;
    if (!each.decision.actions.empty()) stats.presets_reconciled++;
  }
  stats.conflicts = busy_organizations;
  // What this transaction has written the others would not see, and might have to wait for.
  const bool may_share = writers != nullptr && !TransactionIdIsValid(GetCurrentTransactionIdIfAny());
  const Written written = may_share ? writers(plan.plans, now) : Written{};
  apply_and_record(std::span(plan.plans).subspan(written.plans), written.passes, begin, now, stats);
  stats.created += written.stats.created;
  stats.deleted += written.stats.deleted;
  stats.canceled += written.stats.canceled;
  stats.conflicts += written.stats.conflicts;
  stats.errors += written.stats.errors;
  turn.organizations_busy = busy_organizations > 0;
  if (stats.conflicts > busy_organizations) {
    for (const core::PresetPlan &each : plan.plans)
      if (!each.decision.actions.empty())
        turn.due.push_back({each.preset->id, core::later(now, conflict_retry)});
  }
  return turn;
}

}  // namespace

std::optional<core::Uuid> apply_and_record(std::span<const core::PresetPlan> plans,
                                           const std::vector<core::Uuid> &parts, core::Instant begin,
                                           core::Instant now, PassStats &stats) {
  const Applied applied = apply_plans(plans, now);
  stats.created += applied.created;
  stats.deleted += applied.deleted;
  stats.canceled += applied.canceled;
  stats.conflicts += applied.conflicts;
  stats.errors += static_cast<int>(applied.failures.size());
  stats.elapsed = clock_now() - begin;
  return record(plans, applied, parts, stats, now);
}

Plan plan_pools(const std::vector<Pool> &pools, core::Instant now, Reader reader) {
  Plan plan;
  plan.presets = load_presets(pools, now, reader);
  plan.plans = core::plan(plan.presets, pg::guc::decision_settings(), now, pg::check_for_interrupts);
  return plan;
}

PassStats pass_in_transaction(const std::optional<core::Uuid> &preset, core::Instant now) {
  const core::Instant begin = clock_now();
  PassStats stats;
  if (!try_pass_lock()) {
    count(stats);
    return stats;
  }

  read_model::repair_after_triggers_were_off();
  std::optional<std::vector<Pool>> pools;
  if (preset)
    pools = look_at(std::span(&*preset, 1));
  else
    marks::check_some();
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  stats = locked_pass(pools, nullptr, begin, now, std::nullopt).stats;
  pg::call([] { PopActiveSnapshot(); });
  stats.elapsed = clock_now() - begin;
  count(stats);
  return stats;
}

WorkerTurn worker_pass(std::span<const core::Uuid> presets, bool inspects, Writers writers) {
  const core::Instant now = clock_now();
  WorkerTurn turn;
  if (!try_pass_lock()) {
    count(turn.stats);
    return turn;
  }

  const core::Instant horizon =
      core::later(now, std::chrono::milliseconds(pg::guc::reconciliation_interval_ms));
  const auto push_snapshot = [] { pg::call([] { PushActiveSnapshot(GetTransactionSnapshot()); }); };
  const auto pop_snapshot = [] { pg::call([] { PopActiveSnapshot(); }); };
  const pg::StatementSettings settings;
  const pg::SpiSession session;
  const std::vector<Pool> pools = look_at(presets);
  push_snapshot();
  if (presets.empty()) {
    read_model::repair_after_triggers_were_off();
    if (inspects) {
      read_model::verify_some(prebuilds_verified_per_sweep);
      marks::check_some();
    }
    pop_snapshot();
    push_snapshot();  // the same one, which now sees the repaired rows too
    turn = locked_pass(std::nullopt, writers, now, now, horizon);
  } else {
    turn = locked_pass(pools, writers, now, now, horizon);
  }
  turn.stats.elapsed = clock_now() - now;
  pop_snapshot();
  count(turn.stats);
  return turn;
}

}  // namespace prebuilds::reconciler
