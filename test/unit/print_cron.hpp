// A range written out as an expression that parses to the same range.
#pragma once

#include <cstddef>
#include <string>

#include "core/cron.hpp"

namespace prebuilds::core {

template <std::size_t N>
std::string print_field(const std::bitset<N> &values, bool starred) {
  if (starred) return "*";
  std::string list;
  for (std::size_t value = 0; value < N; ++value) {
    if (values[value]) list += (list.empty() ? "" : ",") + std::to_string(value);
  }
  return list;
}

inline std::string print_cron(const CronRange &range) {
  return "* " + print_field(range.hours, false) + " " + print_field(range.days, range.any_day) + " " +
         print_field(range.months, false) + " " + print_field(range.weekdays, range.any_weekday);
}

inline void PrintTo(const CronRange &range, std::ostream *out) { *out << print_cron(range); }

}  // namespace prebuilds::core
