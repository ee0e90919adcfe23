// When time alone will change a decision: a TTL that ends, a backoff that is over, the edge of a schedule.
#pragma once

#include <optional>

#include "core/decide.hpp"

namespace prebuilds::core {

// Both a TTL and a backoff end strictly after their instant.
inline constexpr Duration tick{1};

// The first instant after `now` at which decide() says something else although nothing was written. Schedules
// are looked at until the next hour of their zone; a caller that sees none looks again before long.
std::optional<Instant> next_due(const PresetSnapshot &preset, const Decision &decision, Instant now);

}  // namespace prebuilds::core
