// Schedules of a preset: the desired count for ranges of time.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/time.hpp"
#include "core/uuid.hpp"

namespace prebuilds::core {

inline constexpr int max_instances = 100000;

struct Schedule {
  Uuid id;
  std::string cron_expression;
  int desired_instances = 0;
};

// The first thing wrong with the schedules of one preset: an expression that does not parse, a count
// outside 0 to max_instances, two schedules that share any minute. None if all is well.
std::optional<Error> validate_schedules(std::span<const Schedule> schedules);

enum class DesiredSource { static_count, schedule, inactive };

struct Desired {
  int count = 0;
  DesiredSource source = DesiredSource::static_count;
  std::string problem{};  // why the schedules cannot be used; empty if they can
};

// The count of the schedule that contains civil_now, else the static count. civil_now is now in the
// preset's zone, none if `timezone` is not a zone. Schedules that should never have been stored (with
// triggers off, or by a change of zone data) fall back on the static count, and `problem` says why.
Desired resolve_desired(int static_count, std::span<const Schedule> schedules, std::string_view timezone,
                        const std::optional<CivilTime> &civil_now);

}  // namespace prebuilds::core
