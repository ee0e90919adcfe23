// What a sweep would know of a preset: what it asks of its pool, and the pool's counts.
#pragma once

#include <algorithm>

#include "core/balance.hpp"

namespace prebuilds::core {

inline std::optional<Demand> demand_of(const PresetSnapshot &preset) {
  if (!preset.active()) return std::nullopt;
  return Demand{.desired_instances = preset.desired_instances,
                .scheduled = !preset.scheduling_timezone.empty() || !preset.schedules.empty(),
                .prebuild_status = preset.prebuild_status,
                .ttl = preset.ttl,
                .last_invalidated_at = preset.last_invalidated_at};
}

inline PoolCounts counts_of(const PresetSnapshot &preset) {
  PoolCounts pool;
  pool.running = static_cast<int>(preset.running.size());
  pool.starting = preset.starting;
  pool.pending = static_cast<int>(preset.pending_inactive.size());
  pool.failed_starts =
      static_cast<int>(std::count_if(preset.failure_base.begin(), preset.failure_base.end(),
                                     [](const BuildOutcome &build) { return build.failed; }));
  for (const Prebuild &prebuild : preset.running)
    if (!pool.oldest_running || prebuild.created_at < *pool.oldest_running)
      pool.oldest_running = prebuild.created_at;
  return pool;
}

// What decide() gets of a pool whose counts suffice.
inline PresetSnapshot unlisted(PresetSnapshot preset) {
  preset.unlisted_running = static_cast<int>(preset.running.size());
  preset.running.clear();
  preset.failure_base.clear();
  return preset;
}

}  // namespace prebuilds::core
