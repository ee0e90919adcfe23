// Failures: backoff, the hard limit, presets that cannot be built, and which of them withholds a create.
#include <gtest/gtest.h>

#include <limits>

#include "core/decide.hpp"
#include "unit/pool.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

// Only the backoff withholds creates.
const Settings no_hard_limit{.backoff_interval = 5s, .backoff_lookback = 1h, .failure_hard_limit = 0};

// --- Backoff -------------------------------------------------------------------------------------------

TEST(Backoff, CountsFailuresWithinTheLookback) {
  const auto num_failed = [](int desired, const std::string &history) {
    PresetSnapshot preset = active(desired);
    preset.failure_base = builds(history);
    return backoff_of(preset, desired, no_hard_limit, now).num_failed;
  };
  EXPECT_EQ(num_failed(1, "F-5"), 1);
  EXPECT_EQ(num_failed(1, "F-2 S-1"), 0);
  EXPECT_EQ(num_failed(3, "F-4 S-3 S-2 S-1"), 0);
  EXPECT_EQ(num_failed(3, "F-61 F-4 F-3 S-2 S-1"), 2);
  EXPECT_EQ(num_failed(1, "F-61"), 0);
  EXPECT_EQ(num_failed(1, "F-60"), 1);             // the lookback's first instant is part of it
  EXPECT_EQ(num_failed(1, "F-9 F-8 S-7 F-6"), 3);  // all of the base, once one of the newest failed
  EXPECT_EQ(num_failed(0, "F-5"), 1);              // at least the newest one is looked at
  EXPECT_EQ(num_failed(3, ""), 0);
}

TEST(Backoff, EndsStrictlyAfterItsLastInstant) {
  PresetSnapshot preset = active(1);
  const Instant t0 = now;
  preset.failure_base = {{.failed = true, .created_at = t0, .completed_at = t0}};
  const auto at = [&](Duration after) { return actions_of(decide(preset, no_hard_limit, t0 + after)); };
  EXPECT_EQ(at(0s), "backoff until 2025-06-02 12:00:05+00");
  EXPECT_EQ(at(5s), "backoff until 2025-06-02 12:00:05+00");
  EXPECT_EQ(at(5s + 1us), "create 1");
}

TEST(Backoff, WithholdsCreatesOnly) {
  PresetSnapshot preset = active(1);
  preset.ttl = 1h;
  preset.running = {ready('A', 2h)};
  preset.failure_base = {{.failed = true, .created_at = now, .completed_at = now}};
  const Decision decision = decide(preset, no_hard_limit, now);
  EXPECT_EQ(actions_of(decision), "delete expired A; backoff until 2025-06-02 12:00:05+00");
  EXPECT_EQ(decision.actions[1].count, 0);
  EXPECT_EQ(decision.actions[1].reason,
            "1 create withheld: 1 recent failure, the last at 2025-06-02 12:00:00+00");
  EXPECT_EQ(decision.problem, "backoff until 2025-06-02 12:00:05+00 after 1 recent failure");
}

TEST(Backoff, IsNoActionWhenNothingIsNeeded) {
  PresetSnapshot preset = active(1);
  preset.running = {ready('A', 2h)};
  preset.failure_base = {{.failed = true, .created_at = now, .completed_at = now}};
  const Decision decision = decide(preset, no_hard_limit, now);
  EXPECT_EQ(actions_of(decision), "");
  EXPECT_TRUE(decision.backoff.until);
  EXPECT_TRUE(decision.can_skip);
}

TEST(Backoff, GrowsWithTheNumberOfFailuresFromTheLatestEnd) {
  PresetSnapshot preset = active(2);
  // The older of the two builds was the last to fail.
  preset.failure_base = {{.failed = true, .created_at = ago(10min), .completed_at = ago(9min)},
                         {.failed = true, .created_at = ago(20min), .completed_at = ago(2s)}};
  const Backoff backoff = backoff_of(preset, 2, no_hard_limit, now);
  EXPECT_EQ(backoff.num_failed, 2);
  EXPECT_EQ(backoff.last_failed, ago(2s));
  EXPECT_EQ(backoff.until, now + 8s);
}

TEST(Backoff, OnlyTheNewestBuildsSayWhenItFailedLast) {
  PresetSnapshot preset = active(1);
  preset.failure_base = {{.failed = true, .created_at = ago(10min), .completed_at = ago(4s)},
                         {.failed = true, .created_at = ago(20min), .completed_at = ago(1s)}};
  EXPECT_EQ(backoff_of(preset, 1, no_hard_limit, now).last_failed, ago(4s));
}

TEST(Backoff, AFailureWithoutAnEndCountsFromItsStart) {
  PresetSnapshot preset = active(1);
  preset.failure_base = {{.failed = true, .created_at = ago(3s), .completed_at = std::nullopt}};
  EXPECT_EQ(backoff_of(preset, 1, no_hard_limit, now).last_failed, ago(3s));
}

TEST(Backoff, CountsCreateErrors) {
  PresetSnapshot preset = active(1);
  preset.create_errors = {ago(2s), ago(61min), ago(3s)};
  const Backoff by_errors = backoff_of(preset, 1, no_hard_limit, now);
  EXPECT_EQ(by_errors.num_failed, 2);
  EXPECT_EQ(by_errors.last_failed, ago(2s));
  EXPECT_EQ(by_errors.until, now + 8s);

  preset.failure_base = builds("F-5");
  EXPECT_EQ(backoff_of(preset, 1, no_hard_limit, now).num_failed, 3);

  // Errors alone start it; then older failures behind a success count too.
  preset.failure_base = builds("F-5 S-4");
  EXPECT_EQ(backoff_of(preset, 1, no_hard_limit, now).num_failed, 3);

  preset.create_errors = {ago(61min)};
  EXPECT_EQ(backoff_of(preset, 1, no_hard_limit, now).num_failed, 0);
}

// The static count is zero: what counts is what is desired now.
TEST(Backoff, HoldsForPresetsWithSchedulesOnly) {
  PresetSnapshot preset = active(0);
  preset.scheduling_timezone = "UTC";
  preset.schedules = {{.id = called('S'), .cron_expression = "* * * * *", .desired_instances = 3}};
  preset.civil_now = civil_at(now);
  preset.failure_base = builds("F-3 S-2 S-1");
  Settings settings = no_hard_limit;
  settings.backoff_interval = 10min;
  const Decision decision = decide(preset, settings, now);
  EXPECT_EQ(actions_of(decision), "backoff until 2025-06-02 12:08:00+00");
}

TEST(Backoff, AtTheEndsOfTime) {
  PresetSnapshot preset = active(1);
  Settings settings = no_hard_limit;
  settings.backoff_interval = Duration::max();
  settings.backoff_lookback = Duration::max();
  preset.failure_base = {{.failed = true, .created_at = Instant::max(), .completed_at = Instant::max()}};
  for (const Instant at : {Instant::min(), now, Instant::max()})
    EXPECT_EQ(backoff_of(preset, 1, settings, at).until, Instant::max());
  preset.failure_base = {{.failed = true, .created_at = Instant::min(), .completed_at = Instant::min()}};
  EXPECT_EQ(backoff_of(preset, 1, settings, Instant::max()).num_failed, 0);
  EXPECT_EQ(backoff_of(preset, std::numeric_limits<int>::max(), settings, Instant::min()).num_failed, 1);
}

TEST(Backoff, NeverOfAnInactivePreset) {
  PresetSnapshot preset = inactive(1, Activity::template_deprecated);
  preset.failure_base = builds("F-1");
  const Decision decision = decide(preset, no_hard_limit, now);
  EXPECT_EQ(decision.backoff.num_failed, 0);
  EXPECT_EQ(decision.problem, "");
  EXPECT_TRUE(decision.can_skip);
}

// --- Hard limit ----------------------------------------------------------------------------------------

TEST(HardLimit, IsHitByTheNewestBuildsAlone) {
  const auto hit = [](int limit, const std::string &history) {
    PresetSnapshot preset = active(1);
    preset.failure_base = builds(history);
    return is_hard_limited(preset, {.failure_hard_limit = limit});
  };
  EXPECT_TRUE(hit(1, "F-1"));
  EXPECT_TRUE(hit(1, "S-3 S-2 F-1"));
  EXPECT_FALSE(hit(1, "F-3 F-2 S-1"));
  EXPECT_TRUE(hit(3, "S-5 S-4 F-3 F-2 F-1"));
  EXPECT_FALSE(hit(3, "F-5 F-4 S-3 F-2 F-1"));
  EXPECT_FALSE(hit(3, "F-2 F-1"));
  EXPECT_FALSE(hit(0, "F-5 F-4 F-3 F-2 F-1"));
  EXPECT_TRUE(hit(1, "F-99999"));  // it looks back for ever
  EXPECT_FALSE(hit(1, ""));
  EXPECT_FALSE(hit(std::numeric_limits<int>::max(), "F-1"));
}

TEST(HardLimit, WithholdsCreatesButNotDeletes) {
  PresetSnapshot preset = active(2);
  preset.ttl = 1h;
  preset.running = {ready('A', 2h)};
  preset.failure_base = builds("F-3 F-2 F-1");
  const Decision decision = decide(preset, Settings{}, now);
  EXPECT_EQ(actions_of(decision), "delete expired A; withhold hard_limited");
  EXPECT_EQ(decision.actions[1].count, 0);
  EXPECT_EQ(decision.actions[1].reason, "2 creates withheld: the newest 3 builds all failed");
  EXPECT_NE(decision.problem.find("hard limited: the newest 3 builds all failed"), std::string::npos);
}

TEST(HardLimit, IsToldOnceAndHealsByItself) {
  PresetSnapshot preset = active(1);
  preset.failure_base = builds("F-3 F-2 F-1");
  const Decision first = decide(preset, Settings{}, now);
  EXPECT_EQ(first.new_status, PrebuildStatus::hard_limited);
  EXPECT_TRUE(first.newly_hard_limited());

  preset.prebuild_status = PrebuildStatus::hard_limited;
  const Decision later = decide(preset, Settings{}, now);
  EXPECT_FALSE(later.new_status);
  EXPECT_FALSE(later.newly_hard_limited());
  EXPECT_EQ(actions_of(later), "withhold hard_limited");

  preset.failure_base.clear();  // the failed prebuilds were deleted
  const Decision healed = decide(preset, Settings{}, now);
  EXPECT_EQ(healed.new_status, PrebuildStatus::healthy);
  EXPECT_FALSE(healed.newly_hard_limited());
  EXPECT_EQ(actions_of(healed), "create 1");
}

TEST(HardLimit, LeavesTheStatusOfAnInactivePreset) {
  PresetSnapshot preset = inactive(1);
  preset.prebuild_status = PrebuildStatus::hard_limited;
  EXPECT_FALSE(decide(preset, Settings{}, now).new_status);
  preset.validation_problem = "parameter \"region\" has no value";
  EXPECT_FALSE(decide(preset, Settings{}, now).new_status);
}

// --- Validation, and what comes first ------------------------------------------------------------------

TEST(Validation, WithholdsCreatesAndHealsByItself) {
  PresetSnapshot preset = active(2);
  preset.validation_problem = "parameter \"region\" has no value";
  const Decision failed = decide(preset, Settings{}, now);
  EXPECT_EQ(actions_of(failed), "withhold validation_failed");
  EXPECT_EQ(failed.actions[0].reason, "2 creates withheld: parameter \"region\" has no value");
  EXPECT_EQ(failed.new_status, PrebuildStatus::validation_failed);
  EXPECT_EQ(failed.problem, "no workspace can be built: parameter \"region\" has no value");

  preset.prebuild_status = PrebuildStatus::validation_failed;
  EXPECT_FALSE(decide(preset, Settings{}, now).new_status);
  preset.validation_problem.reset();
  EXPECT_EQ(decide(preset, Settings{}, now).new_status, PrebuildStatus::healthy);
}

// A pool in balance is not looked at in a full sweep, so no other pass may find out more.
TEST(Validation, IsFoundOutByACreateThatIsNeeded) {
  PresetSnapshot preset = active(1);
  preset.running = {ready('A', 1h)};
  preset.validation_problem = "parameter \"region\" has no value";
  const Decision balanced = decide(preset, Settings{}, now);
  EXPECT_FALSE(balanced.new_status);
  EXPECT_TRUE(balanced.can_skip);
  EXPECT_EQ(balanced.problem, "no workspace can be built: parameter \"region\" has no value");

  preset.prebuild_status = PrebuildStatus::validation_failed;
  EXPECT_FALSE(decide(preset, Settings{}, now).new_status);
}

TEST(Validation, ComesBeforeTheHardLimitWhichComesBeforeBackoff) {
  PresetSnapshot preset = active(1);
  preset.failure_base = builds("F-3 F-2 F-1");
  preset.validation_problem = "parameter \"region\" has no value";
  const Decision all_three = decide(preset, Settings{}, now);
  EXPECT_TRUE(all_three.backoff.until);
  EXPECT_EQ(actions_of(all_three), "withhold validation_failed");
  EXPECT_EQ(all_three.new_status, PrebuildStatus::validation_failed);

  preset.validation_problem.reset();
  EXPECT_EQ(actions_of(decide(preset, Settings{}, now)), "withhold hard_limited");
  EXPECT_EQ(actions_of(decide(preset, {.failure_hard_limit = 4}, now)),
            "backoff until 2025-06-02 12:03:00+00");
}

}  // namespace
}  // namespace prebuilds::core
