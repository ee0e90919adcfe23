// What a pass reads: presets as core's values, all under the active snapshot.
#pragma once

#include <set>

#include "core/balance.hpp"
#include "core/preset.hpp"
#include "marks/marks.hpp"
#include "pg/spi.hpp"

namespace prebuilds::reconciler {

// A preset that needs nothing until some instant.
struct Due {
  core::Uuid preset;
  core::Instant at;
};

// The live prebuilds of a preset.
struct Pool {
  core::Uuid preset;
  marks::Look look;                        // where they begin
  std::optional<core::PoolCounts> counts;  // enough to act by; none: they have to be read
};

// The pools of these presets. To be called before the snapshot is taken under which they are read.
std::vector<Pool> look_at(std::span<const core::Uuid> presets);

struct Need {
  // Those that may need something: a superset of those that core cannot skip.
  std::vector<Pool> pools;
  // Those that need no look at a prebuild until the next one expires, by the horizon.
  std::vector<Due> expiring;
  // Of the prebuild configurations that were looked at; empty if all were.
  std::set<core::Uuid> organizations;
};

// Of these pools, or of all: what a pass has to look at, found by counts. No horizon: expiries do not matter.
Need pools_in_need(const std::optional<std::vector<Pool>> &pools, core::Instant now,
                   std::optional<core::Instant> horizon);

// Of every prebuild configuration that is active or has a live prebuild.
std::vector<Pool> pools_to_show();

// Whom a snapshot is for: a pass, which only acts, or people, who also read why a pool is as it is.
enum class Reader { pass, people };

// The snapshots of these presets, ordered by name; what is no prebuild configuration is left out. For a pass
// without queue problems, and without schedules that no zone belongs to: neither changes what it does.
std::vector<core::PresetSnapshot> load_presets(const std::vector<Pool> &pools, core::Instant now,
                                               Reader reader);

}  // namespace prebuilds::reconciler
