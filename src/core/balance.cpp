#include "core/balance.hpp"

namespace prebuilds::core {

std::optional<Instant> next_expiry(const Configuration &preset, const PoolCounts &pool) {
  if (!pool.oldest_running || !preset.ttl || *preset.ttl <= Duration::zero()) return std::nullopt;
  return later(*pool.oldest_running, *preset.ttl);
}

bool may_need_something(const std::optional<Configuration> &active, const PoolCounts &pool, Instant now) {
  if (!active) return pool.running > 0 || pool.pending > 0;
  const auto expiry = next_expiry(*active, pool);
  return active->scheduled || pool.running + pool.starting != active->desired_instances ||
         active->prebuild_status != PrebuildStatus::healthy || pool.failed_starts > 0 ||
         (pool.oldest_running && pool.oldest_running < active->last_invalidated_at) ||
         (expiry && *expiry < now);
}

}  // namespace prebuilds::core
