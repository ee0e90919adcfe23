// Arithmetic at the ends of time, and instants as text.
#include "core/time.hpp"

#include <gtest/gtest.h>

#include "unit/civil.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

constexpr Instant first = Instant::min();
constexpr Instant last = Instant::max();

TEST(Time, OrdinaryArithmetic) {
  const Instant noon = utc(2025, 6, 2, 12);
  EXPECT_EQ(later(noon, 1h), utc(2025, 6, 2, 13));
  EXPECT_EQ(earlier(noon, 1h), utc(2025, 6, 2, 11));
  EXPECT_EQ(elapsed(utc(2025, 6, 2, 9), noon), 3h);
  EXPECT_EQ(elapsed(noon, utc(2025, 6, 2, 9)), -3h);
  EXPECT_EQ(times(5s, 3), 15s);
}

TEST(Time, SaturatesInsteadOfOverflowing) {
  EXPECT_EQ(later(last, 1us), last);
  EXPECT_EQ(later(first, -1us), first);
  EXPECT_EQ(earlier(first, 1us), first);
  EXPECT_EQ(earlier(last, -1us), last);
  EXPECT_EQ(elapsed(first, last), Duration::max());
  EXPECT_EQ(elapsed(last, first), Duration::min());
  EXPECT_EQ(times(Duration::max(), 2), Duration::max());
  EXPECT_EQ(times(Duration::max(), -2), Duration::min());
  EXPECT_EQ(times(Duration::min(), 2), Duration::min());
}

TEST(Time, InstantsAsText) {
  EXPECT_EQ(to_text(utc(2025, 6, 2, 9, 5, 7)), "2025-06-02 09:05:07+00");
  EXPECT_EQ(to_text(utc(2025, 6, 2, 9) + 500ms), "2025-06-02 09:00:00.5+00");
  EXPECT_EQ(to_text(utc(2025, 6, 2, 9) + 1us), "2025-06-02 09:00:00.000001+00");
  EXPECT_EQ(to_text(utc(1969, 12, 31, 23, 59, 59) + 999999us), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(to_text(utc(1, 1, 1)), "0001-01-01 00:00:00+00");
  EXPECT_EQ(to_text(utc(1, 1, 1) - 1us), "-infinity");
  EXPECT_EQ(to_text(utc(9999, 12, 31, 23)), "9999-12-31 23:00:00+00");
  EXPECT_EQ(to_text(utc(10000, 1, 1)), "infinity");
  EXPECT_EQ(to_text(first), "-infinity");
  EXPECT_EQ(to_text(last), "infinity");
}

TEST(Time, DurationsAsText) {
  EXPECT_EQ(to_text(Duration{1h}), "3600 s");
  EXPECT_EQ(to_text(Duration{1500ms}), "1.5 s");
  EXPECT_EQ(to_text(Duration{-500ms}), "-0.5 s");
  EXPECT_EQ(to_text(Duration{-1500ms}), "-1.5 s");
  EXPECT_EQ(to_text(Duration::min()), "-9223372036854.775808 s");
}

}  // namespace
}  // namespace prebuilds::core
