// How long to wait before something that failed is tried again.
#pragma once

#include "core/time.hpp"

namespace prebuilds::core {

// After that many failures in a row: 1 s, doubled by each further one, at most a minute.
constexpr Duration retry_delay(int failures) {
  constexpr Duration first = std::chrono::seconds(1);
  constexpr Duration longest = std::chrono::minutes(1);
  if (failures <= 0) return Duration::zero();
  return failures > 6 ? longest : first * (1 << (failures - 1));
}

}  // namespace prebuilds::core
