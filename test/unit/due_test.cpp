// When time alone changes a decision.
#include "core/due.hpp"

#include <gtest/gtest.h>

#include "unit/pool.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

std::optional<Instant> due_of(const PresetSnapshot &preset) {
  return next_due(preset, decide(preset, Settings{}, now), now);
}

TEST(Due, NothingWithoutTime) {
  PresetSnapshot preset = active(1);
  preset.running = {ready('A', 2h)};
  EXPECT_EQ(due_of(preset), std::nullopt);
}

TEST(Due, TheOldestThatHasNotExpired) {
  PresetSnapshot preset = active(3);
  preset.ttl = 1h;
  preset.running = {ready('A', 2h), ready('B', 10min), ready('C', 50min)};
  EXPECT_EQ(due_of(preset), now + 10min + tick);
}

// Exactly then, and not before, the decision changes.
TEST(Due, TheInstantItself) {
  PresetSnapshot preset = active(1);
  preset.ttl = 1h;
  preset.running = {ready('A', 50min)};
  const Instant due = *due_of(preset);
  EXPECT_EQ(actions_of(decide(preset, Settings{}, due - tick)), "");
  EXPECT_EQ(actions_of(decide(preset, Settings{}, due)), "delete expired A; create 1");
}

TEST(Due, TheEndOfABackoff) {
  PresetSnapshot preset = active(1);
  preset.failure_base = builds("F-1");
  const Instant due = *due_of(preset);
  EXPECT_NE(actions_of(decide(preset, Settings{}, due - tick)), "create 1");
  EXPECT_EQ(actions_of(decide(preset, Settings{}, due)), "create 1");
}

TEST(Due, TheEdgeOfASchedule) {
  PresetSnapshot preset = active(1);
  preset.running = {ready('A', 2h)};
  preset.scheduling_timezone = "UTC";
  preset.schedules = {{called('s'), "* 13-14 * * *", 5}};
  preset.civil_now = civil_at(now);
  preset.next_hour = NextHour{now + 1h, civil_at(now + 1h)};
  EXPECT_EQ(due_of(preset), now + 1h);
  preset.schedules[0].cron_expression = "* 15 * * *";
  EXPECT_EQ(due_of(preset), std::nullopt);
}

TEST(Due, AnInactivePresetWaitsForNothing) {
  PresetSnapshot preset = inactive(1);
  preset.ttl = 1h;
  preset.running = {ready('A', 10min)};
  EXPECT_EQ(due_of(preset), std::nullopt);
}

TEST(Due, NeverOverflows) {
  PresetSnapshot preset = active(1);
  preset.ttl = 1h;
  preset.running = {{.id = called('A'), .created_at = Instant::max()}};
  EXPECT_EQ(due_of(preset), Instant::max());
}

}  // namespace
}  // namespace prebuilds::core
