// What a pass writes. Every row that it acts on is locked without waiting and checked again on the latest
// snapshot; what somebody else took, stopped or deleted meanwhile is a conflict and is left to the next pass.
#pragma once

#include <map>
#include <set>

#include "core/decide.hpp"
#include "pg/spi.hpp"

namespace prebuilds::reconciler {

// A preset that was left out because of an error.
struct PresetFailure {
  core::Uuid preset;
  core::ActionKind action = core::ActionKind::create;  // what failed
  std::string sqlstate;
  std::string message;
};

struct Applied {
  int created = 0;
  int deleted = 0;  // an orphan delete counts here and in canceled
  int canceled = 0;
  int conflicts = 0;
  std::map<core::Uuid, int> created_by_preset;
  std::vector<PresetFailure> failures;
};

// Cancels, then deletes, then creates, each for all presets together.
Applied apply_plans(std::span<const core::PresetPlan> plans, core::Instant now);

}  // namespace prebuilds::reconciler
