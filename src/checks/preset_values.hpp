// Whether workspaces can be built from what presets set.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/uuid.hpp"

namespace prebuilds::checks {

struct PresetOfVersion {
  core::Uuid preset;
  core::Uuid template_version;
};

// For each of them why no workspace can be created from its values and the version's defaults; none if one
// can. Of several parameters that forbid it the first by display_order and name tells. Under the active
// snapshot.
std::vector<std::optional<std::string>> preset_problems(std::span<const PresetOfVersion> presets);

}  // namespace prebuilds::checks
