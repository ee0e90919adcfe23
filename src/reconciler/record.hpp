// What a pass leaves behind: statuses, evidence, notifications, announcements.
#pragma once

#include "reconciler/apply.hpp"
#include "reconciler/pass.hpp"

namespace prebuilds::reconciler {

// Writes nothing for a pass that did nothing.
void record(std::span<const core::PresetPlan> plans, const Applied &applied, const PassStats &stats, core::Instant now);

}  // namespace prebuilds::reconciler
