// The decisions on all presets together: creates are limited, the oldest preset first.
#include <gtest/gtest.h>

#include "core/decide.hpp"
#include "unit/pool.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

int interrupts = 0;
void count_interrupt() { ++interrupts; }

std::vector<PresetPlan> planned(const std::vector<PresetSnapshot> &presets, int max_creates) {
  return plan(presets, {.max_creates_per_pass = max_creates}, now, count_interrupt);
}

PresetSnapshot preset(char name, Duration age, int desired) {
  PresetSnapshot preset = active(desired);
  preset.id = called(name);
  preset.created_at = ago(age);
  return preset;
}

TEST(Plan, KeepsTheOrderOfThePresets) {
  const std::vector<PresetSnapshot> presets{preset('B', 1h, 2), preset('A', 2h, 0), preset('C', 3h, 1)};
  const auto plans = planned(presets, 10);
  ASSERT_EQ(plans.size(), 3U);
  for (std::size_t i = 0; i < plans.size(); ++i) EXPECT_EQ(plans[i].preset, &presets[i]);
  EXPECT_EQ(actions_of(plans[0].decision), "create 2");
  EXPECT_EQ(actions_of(plans[1].decision), "");
  EXPECT_EQ(actions_of(plans[2].decision), "create 1");
}

TEST(Plan, CanBeInterrupted) {
  interrupts = 0;
  const std::vector<PresetSnapshot> presets(3, active(1));
  planned(presets, 10);
  EXPECT_EQ(interrupts, 3);
}

TEST(Plan, GivesTheOldestPresetItsCreatesFirst) {
  const std::vector<PresetSnapshot> presets{preset('A', 1h, 2), preset('C', 3h, 2), preset('B', 2h, 2)};
  const auto plans = planned(presets, 3);
  EXPECT_EQ(actions_of(plans[1].decision), "create 2");
  EXPECT_EQ(actions_of(plans[2].decision), "create 1; withhold cap");
  EXPECT_EQ(actions_of(plans[0].decision), "withhold cap");

  const Action &withheld = plans[0].decision.actions[0];
  EXPECT_EQ(withheld.count, 0);
  EXPECT_EQ(withheld.reason, "2 creates left to the next pass: a pass creates at most 3");
  EXPECT_EQ(plans[0].decision.problem, withheld.reason);
}

TEST(Plan, EqualAgeIsDecidedById) {
  const std::vector<PresetSnapshot> presets{preset('B', 1h, 1), preset('A', 1h, 1)};
  const auto plans = planned(presets, 1);
  EXPECT_EQ(actions_of(plans[0].decision), "withhold cap");
  EXPECT_EQ(actions_of(plans[1].decision), "create 1");
}

TEST(Plan, ExactlyEnoughCapsNothing) {
  const std::vector<PresetSnapshot> presets{preset('A', 1h, 1), preset('B', 2h, 2)};
  const auto plans = planned(presets, 3);
  EXPECT_EQ(actions_of(plans[0].decision), "create 1");
  EXPECT_EQ(actions_of(plans[1].decision), "create 2");
}

// Creates held back by something stronger do not use up the cap, and deletes are never capped.
TEST(Plan, CapsNothingButCreates) {
  PresetSnapshot broken = preset('A', 3h, 5);
  broken.validation_problem = "parameter \"region\" has no value";
  PresetSnapshot expiring = preset('B', 2h, 1);
  expiring.ttl = 1h;
  expiring.running = {ready('X', 2h)};
  const auto plans = planned({broken, expiring, preset('C', 1h, 1)}, 1);
  EXPECT_EQ(actions_of(plans[0].decision), "withhold validation_failed");
  EXPECT_EQ(actions_of(plans[1].decision), "delete expired X; create 1");
  EXPECT_EQ(actions_of(plans[2].decision), "withhold cap");
}

TEST(Plan, NothingIsCreatedWithALimitOfZero) {
  EXPECT_EQ(actions_of(planned({preset('A', 1h, 1)}, 0)[0].decision), "withhold cap");
}

}  // namespace
}  // namespace prebuilds::core
