#include "core/time.hpp"

#include <cstdint>
#include <limits>

namespace prebuilds::core {

namespace {

using Micros = std::int64_t;

constexpr Micros least = std::numeric_limits<Micros>::min();
constexpr Micros most = std::numeric_limits<Micros>::max();

Micros add(Micros a, Micros b) {
  Micros sum;
  return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? least : most) : sum;
}

Micros subtract(Micros a, Micros b) {
  Micros difference;
  return __builtin_sub_overflow(a, b, &difference) ? (b < 0 ? most : least) : difference;
}

Micros multiply(Micros a, Micros b) {
  Micros product;
  return __builtin_mul_overflow(a, b, &product) ? ((a < 0) == (b < 0) ? most : least) : product;
}

Micros micros(Instant instant) { return instant.time_since_epoch().count(); }

std::string padded(int value, std::size_t width) {
  std::string digits = std::to_string(value);
  return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
}

// ".5" for 500000, nothing for zero: as PostgreSQL prints a fraction of a second.
std::string fraction(int micros) {
  if (micros == 0) return {};
  std::string digits = padded(micros, 6);
  digits.erase(digits.find_last_not_of('0') + 1);
  return "." + digits;
}

}  // namespace

Instant later(Instant instant, Duration by) { return Instant{Duration{add(micros(instant), by.count())}}; }

Instant earlier(Instant instant, Duration by) {
  return Instant{Duration{subtract(micros(instant), by.count())}};
}

Duration elapsed(Instant from, Instant to) { return Duration{subtract(micros(to), micros(from))}; }

Duration times(Duration step, int count) { return Duration{multiply(step.count(), count)}; }

std::string to_text(Instant instant) {
  using namespace std::chrono;
  if (instant < sys_days{year{1} / January / 1}) return "-infinity";
  if (instant >= sys_days{year{10000} / January / 1}) return "infinity";

  const auto midnight = floor<days>(instant);
  const year_month_day date{midnight};
  const hh_mm_ss<Duration> clock{instant - midnight};
  return padded(int{date.year()}, 4) + "-" + padded(static_cast<int>(unsigned{date.month()}), 2) + "-" +
         padded(static_cast<int>(unsigned{date.day()}), 2) + " " +
         padded(static_cast<int>(clock.hours().count()), 2) + ":" +
         padded(static_cast<int>(clock.minutes().count()), 2) + ":" +
         padded(static_cast<int>(clock.seconds().count()), 2) +
         fraction(static_cast<int>(clock.subseconds().count())) + "+00";
}

std::string to_text(Duration duration) {
  constexpr Micros second = 1'000'000;
  const Micros whole = duration.count() / second;
  const auto part = static_cast<int>(duration.count() % second);
  const std::string sign = whole == 0 && part < 0 ? "-" : "";
  return sign + std::to_string(whole) + fraction(part < 0 ? -part : part) + " s";
}

}  // namespace prebuilds::core
