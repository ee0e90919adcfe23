// The snapshot of one preset: every fact that a decision may depend on, as values.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/schedule.hpp"
#include "core/time.hpp"
#include "core/uuid.hpp"

namespace prebuilds::core {

// A preset is active when its version is the template's active one and the template is neither deleted
// nor deprecated; anything else makes its pool drain.
enum class Activity { active, other_version, template_deprecated, template_deleted };

// The stored status of a preset.
enum class PrebuildStatus { healthy, hard_limited, validation_failed };

// A prebuild together with its latest build.
struct Prebuild {
  Uuid id;  // the workspace
  Instant created_at;
  int build_number = 0;
  bool ready = false;

  // Age is always (created_at, id).
  bool older_than(const Prebuild &other) const {
    return std::tie(created_at, id) < std::tie(other.created_at, other.id);
  }
};

// How one build of the failure base ended, or that it has not yet.
struct BuildOutcome {
  bool failed = false;
  Instant created_at;                   // of the build
  std::optional<Instant> completed_at;  // of its job; a job may carry an error and no end
};

// When the clock in a zone next shows another hour, and what it shows then: schedules change only there.
struct NextHour {
  Instant begins;
  CivilTime civil;
};

struct PresetSnapshot {
  Uuid id;
  Uuid organization_id;
  Uuid template_id;
  Uuid template_version_id;
  std::string name;
  std::string organization_name;
  std::string template_name;
  std::string template_version_name;
  Instant created_at;

  Activity activity = Activity::active;
  PrebuildStatus prebuild_status = PrebuildStatus::healthy;

  int desired_instances = 0;  // the static count
  std::vector<Schedule> schedules;
  std::string scheduling_timezone;
  std::optional<CivilTime> civil_now;  // now in scheduling_timezone; none if that is not a zone

  std::optional<NextHour> next_hour;  // likewise

  std::optional<Duration> ttl;  // none or zero: prebuilds do not age
  std::optional<Instant> last_invalidated_at;

  // Latest build start and succeeded, in any order; expired ones are still among them.
  std::vector<Prebuild> running;
  // More running ones, if counts have told that nothing is to be done about any of them.
  int unlisted_running = 0;
  // Build 1, not picked up by a provisioner, of a preset that is not active.
  std::vector<Prebuild> pending_inactive;

  // Latest build's job pending, running or canceling, by transition.
  int starting = 0;
  int stopping = 0;
  int deleting = 0;
  std::optional<Instant> oldest_starting;  // created_at of the oldest starting prebuild

  int failed = 0;  // latest build failed or canceled: kept as evidence
  int parked = 0;  // stopped by an operator

  // The failure base since the last reset, newest first. It may end early: after the newest
  // max(desired, 1, failure hard limit) builds only the failures within the backoff lookback matter.
  std::vector<BuildOutcome> failure_base;
  // When creates failed before there was a build, since the last reset, in any order.
  std::vector<Instant> create_errors;

  std::optional<std::string> validation_problem;  // why no workspace can be built from this preset
  std::optional<std::string> queue_problem;       // why its pending jobs are not picked up
  std::optional<std::string> last_error;          // what the newest failure says, of any step

  bool active() const { return activity == Activity::active; }
};

}  // namespace prebuilds::core
