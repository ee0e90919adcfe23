// What prebuild configurations say, looked up by index: a statement takes longer to start than hundreds of
// them to read.
#pragma once

#include <vector>

#include "core/preset.hpp"

namespace prebuilds::reconciler {

struct Configuration {
  core::PresetSnapshot preset;  // without schedules, prebuilds and failures
  std::optional<core::Instant> failures_reset_at;
};

// Those of these presets that are prebuild configurations, under the active snapshot: ordered by
// organization, template, age of the version and preset, names in the order of the database's collation.
std::vector<Configuration> load_configurations(std::span<const core::Uuid> presets);

}  // namespace prebuilds::reconciler
