// What a pass leaves behind: statuses, evidence, notifications.
#pragma once

#include "reconciler/apply.hpp"
#include "reconciler/pass.hpp"

namespace prebuilds::reconciler {

// The row of reconcile_passes that tells of it, in which the rows `parts` are merged; nothing for a pass that
// did nothing.
std::optional<core::Uuid> record(std::span<const core::PresetPlan> plans, const Applied &applied,
                                 const std::vector<core::Uuid> &parts, const PassStats &stats,
                                 core::Instant now);

}  // namespace prebuilds::reconciler
