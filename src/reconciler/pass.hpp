// A pass: snapshot, decide, apply; and what it shows to those who only look.
#pragma once

#include "core/decide.hpp"
#include "pg/spi.hpp"
#include "reconciler/snapshot.hpp"

namespace prebuilds::reconciler {

struct PassStats {
  core::Duration elapsed{};
  int presets_total = 0;       // configurations that could not be skipped
  int presets_reconciled = 0;  // those with an action
  int created = 0;
  int deleted = 0;
  int canceled = 0;
  int conflicts = 0;
  int errors = 0;  // presets left out
  bool lock_acquired = false;
  bool paused = false;  // or held, or disabled

  bool did_something() const { return created + deleted + canceled + conflicts + errors > 0; }
};

// How a pass ended, in words too.
enum class PassOutcome { acted, idle, paused, without_lock, failed };
inline constexpr std::array pass_outcome_names{"acted", "idle", "paused", "without_lock", "failed"};

// For an SQL function, in its caller's transaction and isolation level; an SPI session is open. Locks first,
// then reads everything under one snapshot taken after that. No preset given: all.
PassStats pass_in_transaction(const std::optional<core::Uuid> &preset, core::Instant now);

struct WorkerTurn {
  PassStats stats;
  // The presets at which somebody has to look again although nothing happens to them: time alone changes what
  // they need, or a row was locked. Of expiries only those until the next sweep.
  std::vector<Due> due;
  bool organizations_busy = false;        // a membership could not be written
  std::optional<std::string> standstill;  // why the pass did not act: disabled, held or paused
};

// What other processes have written of a pass.
struct Written {
  std::size_t plans = 0;           // so many of all, from the first on
  PassStats stats;                 // added up
  std::vector<core::Uuid> passes;  // the rows that they left in reconcile_passes
};

// Has others write plans, under the active snapshot of the caller, who has the pass lock, has written nothing
// yet, and writes the rest himself; none, if that is too little to share or there is nobody. An error leaves
// to the next pass what was not written.
using Writers = Written (*)(std::span<const core::PresetPlan> plans, core::Instant now);

// Writes plans and records what that came to, in `stats` too, to which it is added, with what the rows
// `parts` of reconcile_passes tell: the row that is there now, if anything was done. `begin` is the clock's.
std::optional<core::Uuid> apply_and_record(std::span<const core::PresetPlan> plans,
                                           const std::vector<core::Uuid> &parts, core::Instant begin,
                                           core::Instant now, PassStats &stats);

// For the worker, in a REPEATABLE READ transaction that has no snapshot yet. No presets: all. `inspects`: as a
// full sweep, which also looks for what no trigger reported. That takes longer the more dead rows there are,
// so any other pass over all presets does without.
WorkerTurn worker_pass(std::span<const core::Uuid> presets, bool inspects, Writers writers);

// What a pass would decide on these pools now, without a lock and without writing.
struct Plan {
  std::vector<core::PresetSnapshot> presets;
  std::vector<core::PresetPlan> plans;  // one per preset, in the same order
};
Plan plan_pools(const std::vector<Pool> &pools, core::Instant now, Reader reader);

}  // namespace prebuilds::reconciler
