// Pools beside what their presets ask of them, one by one and by index: what a pass that is woken looks at
// first. A statement takes three times as long.
#pragma once

#include "reconciler/count_prebuilds.hpp"
#include "reconciler/snapshot.hpp"

namespace prebuilds::reconciler {

struct ScannedPool {
  Pool pool;
  Counted counted;
  core::Place first;                   // of its live prebuilds; after_all: there are none
  std::optional<core::Demand> demand;  // none: the preset is not active
  // Of the preset's template; none: it is no prebuild configuration.
  std::optional<core::Uuid> organization;
};

// In their order, under the active snapshot.
std::vector<ScannedPool> scan_pools(const std::vector<Pool> &pools);

}  // namespace prebuilds::reconciler
