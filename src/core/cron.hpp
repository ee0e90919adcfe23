// Cron expressions read as ranges of time: "* 9-18 * * 1-5" contains every instant from 09:00:00 to
// 18:59:59.999999, Monday to Friday. The minute field is always "*".
#pragma once

#include <bitset>
#include <optional>
#include <string_view>

#include "core/result.hpp"
#include "core/time.hpp"

namespace prebuilds::core {

// Bit n of a set stands for the hour, day, month or weekday n.
struct CronRange {
  std::bitset<24> hours;
  std::bitset<32> days;     // of the month, 1 to 31
  std::bitset<13> months;   // 1 to 12
  std::bitset<7> weekdays;  // 0 = Sunday

  // A starred field restricts nothing. While either is starred a day must match both fields; when
  // neither is, it must match one of them.
  bool any_day = false;
  bool any_weekday = false;

  bool operator==(const CronRange &) const = default;
};

// Parses the five fields minute, hour, day of month, month and weekday, separated by spaces or tabs.
// An error names the field, the offending text and what is allowed.
Result<CronRange> parse_cron(std::string_view expression);

// Does the range contain this civil time? True for all of the hour or for none of it.
bool contains(const CronRange &range, const CivilTime &civil);

// Do two ranges share any minute of civil time in the Gregorian calendar from 1970 to 2100? Exact.
bool overlap(const CronRange &a, const CronRange &b);

// An hour that both ranges contain, to show to a person; none if they do not overlap.
std::optional<CivilTime> common_hour(const CronRange &a, const CronRange &b);

}  // namespace prebuilds::core
