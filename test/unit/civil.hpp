// What a wall clock shows, for tests: core leaves zones to the server.
#pragma once

#include <chrono>

#include "core/time.hpp"

namespace prebuilds::core {

// 2025-06-02 is a Monday.
inline Instant utc(int year, int month, int day, int hour = 0, int minute = 0, int second = 0) {
  using namespace std::chrono;
  return sys_days{std::chrono::year{year} / month / day} + hours{hour} + minutes{minute} + seconds{second};
}

// The civil time at a fixed distance east of Greenwich.
inline CivilTime civil_at(Instant instant, std::chrono::hours east = std::chrono::hours{0}) {
  using namespace std::chrono;
  const Instant local = instant + east;
  const auto midnight = floor<days>(local);
  const year_month_day date{midnight};
  return {.year = int{date.year()},
          .month = static_cast<int>(unsigned{date.month()}),
          .day = static_cast<int>(unsigned{date.day()}),
          .hour = static_cast<int>(floor<hours>(local - midnight).count()),
          .weekday = static_cast<int>(weekday{midnight}.c_encoding())};
}

// Berlin in 2025: an hour is skipped on 30 March and one repeated on 26 October, both at 01:00 UTC.
inline CivilTime berlin_2025(Instant instant) {
  const bool summer = utc(2025, 3, 30, 1) <= instant && instant < utc(2025, 10, 26, 1);
  return civil_at(instant, std::chrono::hours{summer ? 2 : 1});
}

}  // namespace prebuilds::core
