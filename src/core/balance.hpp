// What counts tell about a pool: a pass reads prebuilds one by one only where it may have to do something
// about one.
#pragma once

#include <optional>

#include "core/preset.hpp"

namespace prebuilds::core {

// What an active preset asks of its pool.
struct Demand {
  int desired_instances = 0;  // the static count
  bool scheduled = false;     // it has a zone: only resolve_desired() can tell what it desires
  PrebuildStatus prebuild_status = PrebuildStatus::healthy;
  std::optional<Duration> ttl{};  // none or zero: prebuilds do not age
  std::optional<Instant> last_invalidated_at{};
};

// The live prebuilds of a preset, by their latest build.
struct PoolCounts {
  int running = 0;                          // start and succeeded, expired ones included
  int starting = 0;                         // start, and its job has not ended
  int pending = 0;                          // of those, build 1 that no provisioner has picked up
  int failed_starts = 0;                    // start and failed
  std::optional<Instant> oldest_running{};  // created_at
};

// When the oldest running prebuild reaches its TTL; none: it never will, or there is none. It expires
// strictly after that.
std::optional<Instant> next_expiry(const Demand &preset, const PoolCounts &pool);

// False: decide() would skip the preset. No demand: the preset is not active.
bool may_need_something(const std::optional<Demand> &active, const PoolCounts &pool, Instant now);

// True: there may be too few prebuilds, and nothing is to be done about any of them. decide() then orders the
// same with all running ones unlisted and without a failure base; only what it tells people may differ.
bool counts_suffice(const std::optional<Demand> &active, const PoolCounts &pool, Instant now);

}  // namespace prebuilds::core
