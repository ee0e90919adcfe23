// Pools and decisions for tests, written short enough to be read as a sentence.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "core/decide.hpp"
#include "unit/civil.hpp"

namespace prebuilds::core {

// The instant at which these tests decide.
inline const Instant now = utc(2025, 6, 2, 12);

inline Instant ago(Duration age) { return now - age; }

// Workspaces are called by one letter.
inline Uuid called(char name) {
  Uuid id;
  id.bytes.back() = static_cast<std::uint8_t>(name);
  return id;
}

inline Prebuild ready(char name, Duration age) {
  return {.id = called(name), .created_at = ago(age), .build_number = 1, .ready = true};
}

inline Prebuild not_ready(char name, Duration age) {
  return {.id = called(name), .created_at = ago(age), .build_number = 1, .ready = false};
}

inline PresetSnapshot active(int desired) {
  PresetSnapshot preset;
  preset.name = "preset";
  preset.created_at = utc(2025, 1, 1);
  preset.desired_instances = desired;
  return preset;
}

inline PresetSnapshot inactive(int desired, Activity activity = Activity::other_version) {
  PresetSnapshot preset = active(desired);
  preset.activity = activity;
  return preset;
}

// Builds of the failure base as in "F-61 S-4 F-3": failed or succeeded so many minutes ago, oldest first.
// A failure takes a minute to happen.
inline std::vector<BuildOutcome> builds(const std::string &history) {
  std::vector<BuildOutcome> newest_first;
  for (std::size_t at = 0; at < history.size();) {
    const std::size_t end = std::min(history.find(' ', at), history.size());
    const Instant created_at = ago(std::chrono::minutes{std::stoi(history.substr(at + 2, end - at - 2))});
    newest_first.insert(newest_first.begin(), {.failed = history[at] == 'F',
                                               .created_at = created_at,
                                               .completed_at = created_at + std::chrono::minutes{1}});
    at = end + 1;
  }
  return newest_first;
}

inline std::string_view to_word(ActionKind kind) {
  switch (kind) {
    case ActionKind::cancel_pending: return "cancel_pending";
    case ActionKind::delete_prebuilds: return "delete";
    case ActionKind::create: return "create";
    case ActionKind::backoff: return "backoff";
    case ActionKind::withhold: return "withhold";
  }
  return "?";
}

inline std::string_view to_word(Cause cause) {
  switch (cause) {
    case Cause::none: return "";
    case Cause::expired: return " expired";
    case Cause::extraneous: return " extraneous";
    case Cause::inactive: return " inactive";
    case Cause::hard_limited: return " hard_limited";
    case Cause::validation_failed: return " validation_failed";
    case Cause::cap: return " cap";
  }
  return "?";
}

// "delete expired A; delete extraneous B C; create 1"; a backoff with the instant at which it ends.
inline std::string actions_of(const Decision &decision) {
  std::string text;
  for (const Action &action : decision.actions) {
    if (!text.empty()) text += "; ";
    text += std::string(to_word(action.kind)) + std::string(to_word(action.cause));
    for (const Prebuild &prebuild : action.prebuilds)
      text += std::string(" ") + static_cast<char>(prebuild.id.bytes.back());
    if (action.kind == ActionKind::create) text += " " + std::to_string(action.count);
    if (action.retry_at) text += " until " + to_text(*action.retry_at);
  }
  return text;
}

inline void PrintTo(const State &state, std::ostream *out) {
  *out << "actual " << state.actual << ", expired " << state.expired << ", desired " << state.desired
       << ", eligible " << state.eligible << ", extraneous " << state.extraneous << ", starting "
       << state.starting << ", stopping " << state.stopping << ", deleting " << state.deleting
       << ", desired_source " << static_cast<int>(state.desired_source);
}

}  // namespace prebuilds::core
