// What a pass reads: presets as core's values, all under the active snapshot.
#pragma once

#include "core/preset.hpp"
#include "pg/spi.hpp"

namespace prebuilds::reconciler {

// A preset that needs nothing until some instant.
struct Due {
  core::Uuid preset;
  core::Instant at;
};

struct Need {
  // Presets that may need something: a superset of those that core cannot skip.
  std::vector<core::Uuid> presets;
  // Others whose next prebuild expires by the horizon.
  std::vector<Due> expiring;
};

// Of these presets, or of all: what a pass has to look at, found by counts. The prebuilds of presets in
// balance are not read one by one. No horizon: expiries do not matter.
Need presets_in_need(const std::optional<std::vector<core::Uuid>> &presets, core::Instant now,
                     std::optional<core::Instant> horizon);

// Every prebuild configuration that is active or has a live prebuild.
std::vector<core::Uuid> presets_to_show();

// The snapshots of these presets, ordered by name; ids that are no prebuild configuration are left out.
std::vector<core::PresetSnapshot> load_presets(const std::vector<core::Uuid> &ids, core::Instant now);

}  // namespace prebuilds::reconciler
