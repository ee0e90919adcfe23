// The desired count: schedules that apply, schedules that are refused, schedules that cannot be used.
#include "core/schedule.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "unit/civil.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

Schedule schedule(std::string expression, int instances) {
  return {.id = {}, .cron_expression = std::move(expression), .desired_instances = instances};
}

int desired(const std::vector<Schedule> &schedules, const CivilTime &civil_now) {
  const Desired desired = resolve_desired(1, schedules, "UTC", civil_now);
  EXPECT_EQ(desired.problem, "");
  return desired.count;
}

TEST(ResolveDesired, NoSchedules) {
  const Desired desired = resolve_desired(7, {}, "", std::nullopt);
  EXPECT_EQ(desired.count, 7);
  EXPECT_EQ(desired.source, DesiredSource::static_count);
  EXPECT_EQ(desired.problem, "");
}

TEST(ResolveDesired, OfficeHoursInUtc) {
  const std::vector<Schedule> office{schedule("* 9-18 * * 1-5", 3)};
  const auto on_day = [&](int day, int hour, int minute = 0, int second = 0) {
    return desired(office, civil_at(utc(2025, 6, day, hour, minute, second)));
  };
  constexpr int monday = 2;
  constexpr int saturday = 7;
  constexpr int sunday = 8;
  EXPECT_EQ(on_day(monday, 8, 59, 59), 1);
  EXPECT_EQ(on_day(monday, 9), 3);
  EXPECT_EQ(on_day(monday, 14), 3);
  EXPECT_EQ(on_day(monday, 18, 59, 59), 3);
  EXPECT_EQ(on_day(monday, 19), 1);
  EXPECT_EQ(on_day(monday, 2), 1);
  EXPECT_EQ(on_day(saturday, 14), 1);
  EXPECT_EQ(on_day(sunday, 14), 1);
}

TEST(ResolveDesired, InLosAngelesInJune) {
  const std::vector<Schedule> morning{schedule("* 9-13 * * 1-5", 3)};
  const auto at = [&](int hour, int minute = 0) {
    return desired(morning, civil_at(utc(2025, 6, 2, hour, minute), -7h));
  };
  EXPECT_EQ(at(15), 1);
  EXPECT_EQ(at(16), 3);
  EXPECT_EQ(at(20, 59), 3);
  EXPECT_EQ(at(21), 1);
}

TEST(ResolveDesired, SeveralSchedules) {
  const std::vector<Schedule> shifts{schedule("* 6-10 * * 1-5", 2), schedule("* 12-16 * * 1-5", 3),
                                     schedule("* 18-22 * * 1-5", 4)};
  const auto at = [&](int hour) { return desired(shifts, civil_at(utc(2025, 6, 2, hour))); };
  EXPECT_EQ(at(5), 1);
  EXPECT_EQ(at(8), 2);
  EXPECT_EQ(at(11), 1);
  EXPECT_EQ(at(14), 3);
  EXPECT_EQ(at(20), 4);
  EXPECT_EQ(at(23), 1);
}

TEST(ResolveDesired, SaysWhereTheCountComesFrom) {
  const std::vector<Schedule> office{schedule("* 9-18 * * 1-5", 0)};
  const Desired inside = resolve_desired(1, office, "UTC", civil_at(utc(2025, 6, 2, 9)));
  EXPECT_EQ(inside.count, 0);
  EXPECT_EQ(inside.source, DesiredSource::schedule);
  const Desired outside = resolve_desired(1, office, "UTC", civil_at(utc(2025, 6, 2, 8)));
  EXPECT_EQ(outside.count, 1);
  EXPECT_EQ(outside.source, DesiredSource::static_count);
}

TEST(ResolveDesired, FallsBackOnTheStaticCountAndSaysWhy) {
  const CivilTime monday = civil_at(utc(2025, 6, 2, 14));
  const auto expect_fallback = [](const Desired &desired, std::string_view why) {
    EXPECT_EQ(desired.count, 1);
    EXPECT_EQ(desired.source, DesiredSource::static_count);
    EXPECT_NE(desired.problem.find(why), std::string::npos) << desired.problem;
  };
  const std::vector<Schedule> good{schedule("* 9-18 * * 1-5", 3)};
  expect_fallback(resolve_desired(1, good, "InvalidLocation", std::nullopt),
                  "\"InvalidLocation\" is not a time zone");
  expect_fallback(resolve_desired(1, good, "", std::nullopt), "\"\" is not a time zone");

  // One bad schedule makes all of them unusable: which one was meant cannot be known.
  const std::vector<Schedule> bad{schedule("* 9-18 * * 1-5", 3), schedule("* 25 * * *", 4)};
  expect_fallback(resolve_desired(1, bad, "UTC", monday), "invalid hour field");
  const std::vector<Schedule> overlapping{schedule("* 9-14 * * 1-5", 3), schedule("* 12-18 * * 1-5", 4)};
  expect_fallback(resolve_desired(1, overlapping, "UTC", monday), "overlap");
  const std::vector<Schedule> too_many{schedule("* 9-18 * * 1-5", max_instances + 1)};
  expect_fallback(resolve_desired(1, too_many, "UTC", monday), "100001");
}

TEST(ValidateSchedules, Accepts) {
  EXPECT_FALSE(validate_schedules({}));
  const std::vector<Schedule> adjoining{schedule("* 9-12 * * 1-5", 0),
                                        schedule("* 13-18 * * 1-5", max_instances),
                                        schedule("* 9-18 * * 0,6", 1)};
  EXPECT_FALSE(validate_schedules(adjoining));
}

TEST(ValidateSchedules, NamesTheScheduleTheFieldAndWhatIsAllowed) {
  const std::vector<Schedule> bad{schedule("* 9-12 * * 1-5", 1), schedule("* 13 * * 7", 1)};
  const auto error = validate_schedules(bad);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, ErrorCode::invalid_parameter);
  EXPECT_EQ(error->message, "invalid weekday field \"7\" in cron expression \"* 13 * * 7\"");
  EXPECT_EQ(error->detail, "\"7\" is not allowed. Weekdays are 0 (Sunday) to 6 or sun to sat.");
}

TEST(ValidateSchedules, NamesBothOfAnOverlapAndShowsIt) {
  const std::vector<Schedule> overlapping{schedule("* 20 * * *", 1), schedule("* 9 15 * *", 1),
                                          schedule("* 9 * * 1", 1)};
  const auto error = validate_schedules(overlapping);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->message, "schedules \"* 9 15 * *\" and \"* 9 * * 1\" overlap");
  EXPECT_EQ(error->detail, "Both contain Monday 2024-01-15 09:00 to 09:59.");
  EXPECT_FALSE(error->hint.empty());
}

TEST(ValidateSchedules, RefusesTheSameScheduleTwiceAndCountsOutOfRange) {
  const std::vector<Schedule> twice{schedule("* 9 * * *", 1), schedule("* 9 * * *", 1)};
  EXPECT_TRUE(validate_schedules(twice));
  for (const int count : {-1, max_instances + 1}) {
    const std::vector<Schedule> schedules{schedule("* 9 * * *", count)};
    const auto error = validate_schedules(schedules);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->message,
              "invalid desired_instances " + std::to_string(count) + " of schedule \"* 9 * * *\"");
    EXPECT_EQ(error->detail, "A schedule has 0 to 100000 instances.");
  }
}

}  // namespace
}  // namespace prebuilds::core
