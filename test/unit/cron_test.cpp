// Cron expressions as ranges: what parses, what an expression contains, what two of them share.
#include "core/cron.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "unit/civil.hpp"
#include "unit/print_cron.hpp"
#include "unit/random.hpp"

namespace prebuilds::core {
namespace {

CronRange parsed(std::string_view expression) {
  const auto range = parse_cron(expression);
  EXPECT_TRUE(range) << expression << ": " << range.error().message << " " << range.error().detail;
  return range ? *range : CronRange{};
}

Error rejected(std::string_view expression) {
  const auto range = parse_cron(expression);
  EXPECT_FALSE(range) << expression << " parsed";
  return range ? Error{} : range.error();
}

// --- Grammar -------------------------------------------------------------------------------------------

TEST(CronGrammar, DifferentSpellingsOfTheSameRange) {
  const std::vector<std::pair<std::string_view, std::string_view>> same{
      {"* 9-18 * * 1-5", "* 9,10,11,12,13,14,15,16,17,18 * * mon-fri"},
      {"* 9-18 * * 1-5", "\t* 9-18\t*  *   MON-Fri "},
      {"* * * * *", "* ? ? ? ?"},
      {"* * * * *", "* */1 */1 ?/1 */1"},
      {"* * * * *", "* 0-23 * 1-12 *"},
      {"* 0,6,12,18 * * *", "* */6 * * *"},
      {"* 20,22 * * *", "* 20/2 * * *"},
      {"* 20-23 * * *", "* 20/1 * * *"},
      {"* 9,12,15 * * *", "* 9-17/3 * * *"},
      {"* 9 * * *", "* 9-17/9999999999999999999999 * * *"},
      {"* 9 * * *", "* 9-9 * * *"},
      {"* 9 * * *", "* 09 * * *"},
      {"* 9 * * *", "* 9,9,9 * * *"},
      {"* 9 1 1,12 *", "* 9 1 Jan,DEC *"},
      {"* 9 1 6-8 *", "* 9 1 jun-aug *"},
      {"* 9 1 2,5,8,11 *", "* 9 1 feb/3 *"},
      {"* 9 1 * 0,6", "* 9 1 * sun,sat"},
      {"* 9 *,15 * 1", "* 9 * * 1"},
  };
  for (const auto &[plain, fancy] : same) EXPECT_EQ(parsed(plain), parsed(fancy)) << fancy;
}

TEST(CronGrammar, AStarWithAStepIsNoStar) {
  EXPECT_TRUE(parsed("* 9 * * 1").any_day);
  EXPECT_TRUE(parsed("* 9 ? * 1").any_day);
  EXPECT_TRUE(parsed("* 9 */1 * 1").any_day);
  EXPECT_TRUE(parsed("* 9 3,* * 1").any_day);
  EXPECT_FALSE(parsed("* 9 */2 * 1").any_day);
  EXPECT_FALSE(parsed("* 9 1-31 * 1").any_day);
  EXPECT_FALSE(parsed("* 9 1 * 0-6").any_weekday);
  EXPECT_TRUE(parsed("* 9 1 * ?").any_weekday);
}

TEST(CronGrammar, RejectsWithTheFieldsName) {
  struct Case {
    std::string_view expression;
    std::string_view field;
    std::string_view detail;
  };
  const std::vector<Case> cases{
      {"30 8-18 * * 1-5", "minute", "must be *"},
      {"*/5 8-18 * * 1-5", "minute", "must be *"},
      {"? 8-18 * * 1-5", "minute", "must be *"},
      {"0-59 8-18 * * 1-5", "minute", "must be *"},
      {"* 25-26 * * *", "hour", "\"25\" is not allowed. Hours are 0 to 23."},
      {"* 24 * * *", "hour", "\"24\" is not allowed."},
      {"* 9-24 * * *", "hour", "\"24\" is not allowed."},
      {"* -1 * * *", "hour", "\"\" is not allowed."},
      {"* +9 * * *", "hour", "\"+9\" is not allowed."},
      {"* 99999999999999999999 * * *", "hour", "Hours are 0 to 23."},
      {"* mon * * *", "hour", "\"mon\" is not allowed."},
      {"* 5-3 * * *", "hour", "The range \"5-3\" runs backwards."},
      {"* 1- * * *", "hour", "\"\" is not allowed."},
      {"* 1-2-3 * * *", "hour", "\"2-3\" is not allowed."},
      {"* *-5 * * *", "hour", "\"*\" is not allowed."},
      {"* ** * * *", "hour", "\"**\" is not allowed."},
      {"* , * * *", "hour", "A part of the list is empty."},
      {"* 1, * * *", "hour", "A part of the list is empty."},
      {"* ,1 * * *", "hour", "A part of the list is empty."},
      {"* 1,,2 * * *", "hour", "A part of the list is empty."},
      {"* */0 * * *", "hour", "\"0\" is not a step."},
      {"* */ * * *", "hour", "\"\" is not a step."},
      {"* */-1 * * *", "hour", "\"-1\" is not a step."},
      {"* 1/2/3 * * *", "hour", "\"2/3\" is not a step."},
      {"* /2 * * *", "hour", "\"\" is not allowed."},
      {"* 9 0 * *", "day-of-month", "Days of the month are 1 to 31."},
      {"* 9 32 * *", "day-of-month", "\"32\" is not allowed."},
      {"* 9 L * *", "day-of-month", "\"L\" is not allowed."},
      {"* 9 * 0 *", "month", "Months are 1 to 12 or jan to dec."},
      {"* 9 * 13 *", "month", "\"13\" is not allowed."},
      {"* 9 * january *", "month", "\"january\" is not allowed."},
      {"* 9 * anf *", "month", "\"anf\" is not allowed."},
      {"* 9 * nov-jan *", "month", "runs backwards."},
      {"* 9 * * 7", "weekday", "\"7\" is not allowed. Weekdays are 0 (Sunday) to 6 or sun to sat."},
      {"* 9 * * fri-mon", "weekday", "runs backwards."},
      {"* 9 * * sat-sun", "weekday", "runs backwards."},
      {"* 9 * * mo", "weekday", "\"mo\" is not allowed."},
      {"* 9 * * jan", "weekday", "\"jan\" is not allowed."},
  };
  for (const auto &[expression, field, detail] : cases) {
    const Error error = rejected(expression);
    EXPECT_EQ(error.code, ErrorCode::invalid_parameter);
    EXPECT_NE(error.message.find("invalid " + std::string(field) + " field"), std::string::npos)
        << error.message;
    EXPECT_NE(error.message.find("\"" + std::string(expression) + "\""), std::string::npos) << error.message;
    EXPECT_NE(error.detail.find(detail), std::string::npos) << expression << ": " << error.detail;
    EXPECT_FALSE(error.hint.empty());
  }
}

TEST(CronGrammar, RejectsAnyOtherNumberOfFields) {
  for (const auto *expression :
       {"", "  ", "@daily", "* 9 * *", "* 9 * * 1 2025", "0 * 9 * * 1", "* 9 *\n* 1"}) {
    EXPECT_NE(rejected(expression).detail.find("five"), std::string::npos) << expression;
  }
  EXPECT_NE(rejected("* 9 * *").message.find("has 4 fields"), std::string::npos);
  EXPECT_NE(rejected("@daily").message.find("has 1 field"), std::string::npos);
}

// --- Membership ----------------------------------------------------------------------------------------

TEST(CronContains, HoursAreWhole) {
  const CronRange office = parsed("* 9-18 * * 1-5");
  const auto on_monday = [&](int hour, int minute, int second) {
    return contains(office, civil_at(utc(2025, 6, 2, hour, minute, second)));
  };
  EXPECT_FALSE(on_monday(8, 59, 59));
  EXPECT_TRUE(on_monday(9, 0, 0));
  EXPECT_TRUE(on_monday(18, 59, 59));
  EXPECT_TRUE(contains(office, civil_at(utc(2025, 6, 2, 19) - std::chrono::microseconds{1})));
  EXPECT_FALSE(on_monday(19, 0, 0));
}

TEST(CronContains, DayAndWeekdayBothMatchWhileOneIsAStar) {
  const CronRange fifteenth = parsed("* 9 15 * *");
  EXPECT_TRUE(contains(fifteenth, civil_at(utc(2025, 6, 15, 9))));  // a Sunday
  EXPECT_FALSE(contains(fifteenth, civil_at(utc(2025, 6, 16, 9))));

  const CronRange mondays = parsed("* 9 * * 1");
  EXPECT_TRUE(contains(mondays, civil_at(utc(2025, 6, 16, 9))));
  EXPECT_FALSE(contains(mondays, civil_at(utc(2025, 6, 15, 9))));

  const CronRange starred_list = parsed("* 9 *,15 * 1");
  EXPECT_FALSE(contains(starred_list, civil_at(utc(2025, 6, 15, 9))));
}

TEST(CronContains, EitherDayOrWeekdayWhenNeitherIsAStar) {
  const CronRange range = parsed("* 9 15 * 1");
  EXPECT_TRUE(contains(range, civil_at(utc(2025, 6, 15, 9))));   // the 15th, a Sunday
  EXPECT_TRUE(contains(range, civil_at(utc(2025, 6, 16, 9))));   // a Monday, the 16th
  EXPECT_FALSE(contains(range, civil_at(utc(2025, 6, 17, 9))));  // neither

  // With a step it is no star: odd days, or Mondays.
  const CronRange odd = parsed("* 9 */2 * 1");
  EXPECT_TRUE(contains(odd, civil_at(utc(2025, 6, 3, 9))));
  EXPECT_TRUE(contains(odd, civil_at(utc(2025, 6, 16, 9))));
  EXPECT_FALSE(contains(odd, civil_at(utc(2025, 6, 4, 9))));
}

TEST(CronContains, LeapDays) {
  const CronRange range = parsed("* 0 29 2 *");
  EXPECT_TRUE(contains(range, civil_at(utc(2024, 2, 29))));
  EXPECT_TRUE(contains(range, civil_at(utc(2000, 2, 29))));
  EXPECT_FALSE(contains(range, civil_at(utc(2025, 3, 1))));
}

// An hour that the zone skips never matches; one that it repeats matches twice.
TEST(CronContains, HoursSkippedAndRepeatedByTheZone) {
  const CronRange range = parsed("* 2 * * *");
  const auto minutes_matched = [&](Instant from) {
    int matched = 0;
    for (int minute = 0; minute < 24 * 60; ++minute)
      matched += contains(range, berlin_2025(from + std::chrono::minutes{minute})) ? 1 : 0;
    return matched;
  };
  EXPECT_EQ(minutes_matched(utc(2025, 3, 29, 12)), 0);
  EXPECT_EQ(minutes_matched(utc(2025, 6, 2)), 60);
  EXPECT_EQ(minutes_matched(utc(2025, 10, 25, 12)), 120);
}

// --- Overlap -------------------------------------------------------------------------------------------

TEST(CronOverlap, Examples) {
  struct Case {
    std::string_view a;
    std::string_view b;
    bool expected;
  };
  const std::vector<Case> cases{
      {"* 9-14 * * 1-5", "* 12-18 * * 1-5", true},
      {"* 9-12 * * 1-5", "* 13-18 * * 1-5", false},
      {"* * * * 1,3,5", "* * * * 2,4,6", false},
      {"* 9 15 * *", "* 9 * * 1", true},    // a 15th can be a Monday
      {"* 9 29 2 *", "* 9 * * 1", true},    // and so can a 29 February
      {"* 9 30 2 *", "* 9 * * *", false},   // which a 30 February never comes
      {"* 9 30 2 *", "* 9 30 2 *", false},  // not even for itself
      {"* 9 30 2,3 *", "* 9 * 2 *", false},
      {"* 9 30 2,3 *", "* 9 * 3 *", true},
      {"* 9 31 4,6,9,11 *", "* 9 * * *", false},
      {"* 9 31 * *", "* 9 * 4,6,9,11 *", false},
      {"* 9 31 * *", "* 9 * 12 *", true},
      {"* 9 * 1-6 *", "* 9 * 7-12 *", false},
      {"* 9 1 * *", "* 9 2 * *", false},
      {"* 9 1 * 1", "* 9 2 * 2", true},      // a Tuesday the 1st
      {"* 9 1 * 1", "* 9 1 * 2", true},      // any 1st
      {"* 9 30 2 1", "* 9 30 2 2", false},   // Mondays and Tuesdays of February
      {"* 9 30 2 1", "* 9 30 2 1-2", true},  // Mondays of both
      {"* 9 30 2 1", "* 9 * 2 1", true},
      {"* 9 30 2 1", "* 9 1-15 2 *", true},  // a Monday among the first 15
      {"* 9 1-30 * *", "* 9 31 * 1", true},  // a Monday that is no 31st
      {"* 9 */2 * *", "* 9 2-30/2 * *", false},
  };
  for (const auto &[a, b, expected] : cases) {
    EXPECT_EQ(overlap(parsed(a), parsed(b)), expected) << a << " and " << b;
    EXPECT_EQ(overlap(parsed(b), parsed(a)), expected) << b << " and " << a;
  }
}

TEST(CronOverlap, ShowsAnHourThatBothContain) {
  const auto shared = common_hour(parsed("* 9-14 15 * *"), parsed("* 12-18 * * 1"));
  ASSERT_TRUE(shared);
  EXPECT_EQ(*shared, civil_at(utc(2024, 1, 15, 12)));

  const auto leap_day = common_hour(parsed("* 9 29 2 *"), parsed("* 9 * * 3"));
  ASSERT_TRUE(leap_day);
  EXPECT_EQ(*leap_day, civil_at(utc(2040, 2, 29, 9)));

  EXPECT_FALSE(common_hour(parsed("* 9 30 2 *"), parsed("* 9 * * *")));
}

// --- Properties ----------------------------------------------------------------------------------------

template <std::size_t N>
std::string random_field(Random &random, const std::bitset<N> &domain) {
  if (random.one_in(3)) return random.one_in(4) ? "?" : "*";
  if (random.one_in(8)) return "*/" + std::to_string(random.between(1, 7));
  std::vector<std::size_t> values;
  for (std::size_t value = 0; value < N; ++value) {
    if (domain[value]) values.push_back(value);
  }
  const auto any_value = [&] {
    return values[static_cast<std::size_t>(random.between(0, static_cast<int>(values.size()) - 1))];
  };
  std::string list;
  for (int parts = random.between(1, 3); parts > 0; --parts) {
    std::size_t from = any_value();
    std::size_t to = random.one_in(3) ? any_value() : from;
    if (from > to) std::swap(from, to);
    list += std::to_string(from);
    if (from != to) list += "-" + std::to_string(to);
    if (random.one_in(5)) list += "/" + std::to_string(random.between(1, 9));
    if (parts > 1) list += ",";
  }
  return list;
}

std::string random_expression(Random &random) {
  const CronRange all = parsed("* 0-23 1-31 1-12 0-6");
  // Often at the edges, where the calendar matters.
  const std::string days =
      random.one_in(4) ? std::to_string(random.between(28, 31)) : random_field(random, all.days);
  const std::string months = random.one_in(4) ? "2" : random_field(random, all.months);
  return "* " + random_field(random, all.hours) + " " + days + " " + months + " " +
         random_field(random, all.weekdays);
}

TEST(CronProperty, ParsePrintParse) {
  SCOPED_TRACE("PREBUILDS_TEST_SEED=" + std::to_string(test_seed()));
  Random random(test_seed());
  for (int i = 0; i < 2000; ++i) {
    const std::string expression = random_expression(random);
    const CronRange range = parsed(expression);
    ASSERT_EQ(parsed(print_cron(range)), range) << expression;
  }
}

// Every kind of day between 1970 and 2100: month, day of the month and weekday.
std::vector<CivilTime> kinds_of_day() {
  std::set<std::tuple<int, int, int>> seen;
  std::vector<CivilTime> kinds;
  for (Instant day = utc(1970, 1, 1); day < utc(2101, 1, 1); day += std::chrono::days{1}) {
    const CivilTime civil = civil_at(day);
    if (seen.insert({civil.month, civil.day, civil.weekday}).second) kinds.push_back(civil);
  }
  return kinds;
}

TEST(CronProperty, OverlapAgreesWithTheCalendar) {
  SCOPED_TRACE("PREBUILDS_TEST_SEED=" + std::to_string(test_seed()));
  Random random(test_seed());
  const std::vector<CivilTime> days = kinds_of_day();
  const auto share = [&](const CronRange &a, const CronRange &b) {
    return std::any_of(days.begin(), days.end(), [&](CivilTime civil) {
      for (civil.hour = 0; civil.hour < 24; ++civil.hour) {
        if (contains(a, civil) && contains(b, civil)) return true;
      }
      return false;
    });
  };
  int overlapping = 0;
  constexpr int pairs = 2000;
  for (int i = 0; i < pairs; ++i) {
    const std::string a = random_expression(random);
    const std::string b = random_expression(random);
    const CronRange range_a = parsed(a);
    const CronRange range_b = parsed(b);
    const bool expected = share(range_a, range_b);
    overlapping += expected ? 1 : 0;

    ASSERT_EQ(overlap(range_a, range_b), expected) << a << " and " << b;
    const auto example = common_hour(range_a, range_b);
    ASSERT_EQ(example.has_value(), expected) << a << " and " << b;
    if (example) {
      ASSERT_TRUE(contains(range_a, *example) && contains(range_b, *example)) << a << " and " << b;
      ASSERT_EQ(*example, civil_at(utc(example->year, example->month, example->day, example->hour)));
    }
  }
  // Neither answer may be rare, or this would prove little.
  EXPECT_GT(overlapping, pairs / 10);
  EXPECT_LT(overlapping, pairs * 9 / 10);
}

}  // namespace
}  // namespace prebuilds::core
