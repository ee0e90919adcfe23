#include "core/balance.hpp"

#include "core/expiry.hpp"

namespace prebuilds::core {

std::optional<Instant> next_expiry(const Demand &preset, const PoolCounts &pool) {
  if (!pool.oldest_running || !preset.ttl || *preset.ttl <= Duration::zero()) return std::nullopt;
  return later(*pool.oldest_running, *preset.ttl);
}

bool may_need_something(const std::optional<Demand> &active, const PoolCounts &pool, Instant now) {
  if (!active) return pool.running > 0 || pool.pending > 0;
  return !counts_suffice(active, pool, now) || pool.running + pool.starting < active->desired_instances ||
         active->prebuild_status != PrebuildStatus::healthy;
}

bool counts_suffice(const std::optional<Demand> &active, const PoolCounts &pool, Instant now) {
  if (!active || active->scheduled) return false;
  const bool expired = pool.oldest_running &&
                       *pool.oldest_running < oldest_unexpired(active->ttl, active->last_invalidated_at, now);
  return !expired && pool.failed_starts == 0 && pool.running + pool.starting <= active->desired_instances;
}

}  // namespace prebuilds::core
