// When running prebuilds have expired.
#pragma once

#include <algorithm>
#include <optional>

#include "core/time.hpp"

namespace prebuilds::core {

// Those of a preset that were created before this instant: before the last invalidation, or older than a TTL
// above zero; both strict.
inline Instant oldest_unexpired(std::optional<Duration> ttl, std::optional<Instant> last_invalidated_at,
                                Instant now) {
  Instant oldest = last_invalidated_at.value_or(Instant::min());
  if (ttl && *ttl > Duration::zero()) oldest = std::max(oldest, is_finite(now) ? earlier(now, *ttl) : now);
  return oldest;
}

}  // namespace prebuilds::core
