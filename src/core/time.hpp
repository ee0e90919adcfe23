// Instants, durations and civil time. The clock and the zone database belong to the caller.
//
// A row may carry any timestamp that PostgreSQL stores, infinity included, so arithmetic on instants
// goes through the saturating functions below and never through the operators of std::chrono.
#pragma once

#include <chrono>
#include <string>

namespace prebuilds::core {

using Duration = std::chrono::microseconds;
using Instant = std::chrono::sys_time<Duration>;

// What a clock on the wall of some zone shows, to the hour: a schedule never asks for more.
struct CivilTime {
  int year = 1970;
  int month = 1;    // 1 to 12
  int day = 1;      // 1 to 31
  int hour = 0;     // 0 to 23
  int weekday = 4;  // 0 = Sunday to 6 = Saturday

  bool operator==(const CivilTime &) const = default;
};

// instant + duration and instant - duration, cut off at the first and last instant there is.
Instant later(Instant instant, Duration by);
Instant earlier(Instant instant, Duration by);

// to - from, cut off at the shortest and longest duration there is.
Duration elapsed(Instant from, Instant to);

// step × count, cut off likewise.
Duration times(Duration step, int count);

// Whether it is neither of PostgreSQL's infinities.
constexpr bool is_finite(Instant instant) { return instant != Instant::min() && instant != Instant::max(); }

// "2025-06-02 09:00:00.5+00", in UTC; outside the years 1 to 9999 "infinity" or "-infinity".
std::string to_text(Instant instant);

// "3600 s", "0.5 s".
std::string to_text(Duration duration);

}  // namespace prebuilds::core
