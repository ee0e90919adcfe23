// The prebuild configurations that are active.
#pragma once

#include <vector>

#include "core/balance.hpp"
#include "core/uuid.hpp"

namespace prebuilds::reconciler {

struct ActivePreset {
  core::Uuid id;
  core::Demand demand;
};

// Those of the active versions of templates that are neither deleted nor deprecated, under the active
// snapshot: found from the templates, so that old versions cost nothing.
std::vector<ActivePreset> active_presets();

}  // namespace prebuilds::reconciler
