#include "core/schedule.hpp"

#include <array>
#include <vector>

#include "core/cron.hpp"

namespace prebuilds::core {

namespace {

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string two_digits(int value) { return (value < 10 ? "0" : "") + std::to_string(value); }

// "Monday 2024-01-01 09:00 to 09:59"
std::string hour_text(const CivilTime &civil) {
  constexpr std::array weekdays{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
  const std::string hour = two_digits(civil.hour);
  return std::string(weekdays.at(static_cast<unsigned>(civil.weekday))) + " " + std::to_string(civil.year) +
         "-" + two_digits(civil.month) + "-" + two_digits(civil.day) + " " + hour + ":00 to " + hour + ":59";
}

// The ranges of the schedules, in their order, once nothing is wrong with any of them.
Result<std::vector<CronRange>> usable_ranges(std::span<const Schedule> schedules) {
  std::vector<CronRange> ranges;
  ranges.reserve(schedules.size());
  for (const Schedule &schedule : schedules) {
    if (schedule.desired_instances < 0 || schedule.desired_instances > max_instances) {
      return Error{.code = ErrorCode::invalid_parameter,
                   .message = "invalid desired_instances " + std::to_string(schedule.desired_instances) +
                              " of schedule " + in_quotes(schedule.cron_expression),
                   .detail = "A schedule has 0 to " + std::to_string(max_instances) + " instances."};
    }
    const auto range = parse_cron(schedule.cron_expression);
    if (!range) return range.error();

    for (std::size_t i = 0; i < ranges.size(); ++i) {
      if (const auto shared = common_hour(ranges[i], *range)) {
        return Error{.code = ErrorCode::invalid_parameter,
                     .message = "schedules " + in_quotes(schedules[i].cron_expression) + " and " +
                                in_quotes(schedule.cron_expression) + " overlap",
                     .detail = "Both contain " + hour_text(*shared) + ".",
                     .hint = "The schedules of one preset must not share any minute."};
      }
    }
    ranges.push_back(*range);
  }
  return ranges;
}

}  // namespace

std::optional<Error> validate_schedules(std::span<const Schedule> schedules) {
  const auto ranges = usable_ranges(schedules);
  if (ranges) return std::nullopt;
  return ranges.error();
}

Desired resolve_desired(int static_count, std::span<const Schedule> schedules, std::string_view timezone,
                        const std::optional<CivilTime> &civil_now) {
  if (schedules.empty()) return {.count = static_count};

  const auto fall_back = [&](const std::string &why) -> Desired {
    return {.count = static_count,
            .source = DesiredSource::static_count,
            .problem = "schedules are not used, the static count is: " + why};
  };
  if (!civil_now) return fall_back(in_quotes(timezone) + " is not a time zone");
  const auto ranges = usable_ranges(schedules);
  if (!ranges) return fall_back(ranges.error().message);

  for (std::size_t i = 0; i < schedules.size(); ++i) {
    if (contains((*ranges)[i], *civil_now))
      return {.count = schedules[i].desired_instances, .source = DesiredSource::schedule};
  }
  return {.count = static_count};
}

}  // namespace prebuilds::core
