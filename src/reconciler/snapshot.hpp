// What a pass reads: presets as core's values, all under the active snapshot.
#pragma once

#include "core/preset.hpp"
#include "pg/spi.hpp"

namespace prebuilds::reconciler {

// Presets that may need something: a superset of those that core cannot skip, found without reading those in balance.
std::vector<core::Uuid> presets_in_need(core::Instant now);

// Every prebuild configuration that is active or has a live prebuild.
std::vector<core::Uuid> presets_to_show();

// The snapshots of these presets, ordered by name; ids that are no prebuild configuration are left out.
std::vector<core::PresetSnapshot> load_presets(const std::vector<core::Uuid> &ids, core::Instant now);

}  // namespace prebuilds::reconciler
