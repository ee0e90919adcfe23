// Which pools a pass can leave alone.
#include "core/balance.hpp"

#include <gtest/gtest.h>

#include "unit/pool.hpp"
#include "unit/random.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

constexpr Configuration two{.desired_instances = 2};

bool in_need(const std::optional<Configuration> &active, const PoolCounts &pool) {
  return may_need_something(active, pool, now);
}

TEST(Balance, AsManyAsDesired) {
  EXPECT_FALSE(in_need(two, {.running = 2}));
  EXPECT_FALSE(in_need(two, {.running = 1, .starting = 1}));
  EXPECT_TRUE(in_need(two, {.running = 1}));
  EXPECT_TRUE(in_need(two, {.running = 2, .starting = 1}));
  EXPECT_FALSE(in_need(Configuration{}, {}));
}

TEST(Balance, OnlyASchedulesHourTellsWhatAScheduledPresetDesires) {
  EXPECT_TRUE(in_need(Configuration{.scheduled = true}, {}));
}

TEST(Balance, AStatusMayHaveToChange) {
  EXPECT_TRUE(in_need(Configuration{.prebuild_status = PrebuildStatus::hard_limited}, {}));
  EXPECT_TRUE(in_need(two, {.running = 2, .failed_starts = 1}));
}

TEST(Balance, AnInvalidationConcernsWhatIsOlder) {
  Configuration invalidated = two;
  invalidated.last_invalidated_at = ago(1h);
  EXPECT_TRUE(in_need(invalidated, {.running = 2, .oldest_running = ago(1h + 1us)}));
  EXPECT_FALSE(in_need(invalidated, {.running = 2, .oldest_running = ago(1h)}));
  EXPECT_FALSE(in_need(invalidated, {.starting = 2}));
}

TEST(Balance, ExpiresStrictlyAfterItsTtl) {
  Configuration ageing = two;
  ageing.ttl = 1h;
  EXPECT_TRUE(in_need(ageing, {.running = 2, .oldest_running = ago(1h + 1us)}));
  EXPECT_FALSE(in_need(ageing, {.running = 2, .oldest_running = ago(1h)}));
  EXPECT_EQ(next_expiry(ageing, {.running = 2, .oldest_running = ago(59min)}), now + 1min);
  EXPECT_EQ(next_expiry(ageing, {.running = 2, .oldest_running = Instant::max()}), Instant::max());
  EXPECT_EQ(next_expiry(ageing, {.starting = 2}), std::nullopt);
  EXPECT_EQ(next_expiry(two, {.running = 2, .oldest_running = ago(59min)}), std::nullopt);
  ageing.ttl = 0s;
  EXPECT_EQ(next_expiry(ageing, {.running = 2, .oldest_running = ago(59min)}), std::nullopt);
}

TEST(Balance, AnInactivePresetDrains) {
  EXPECT_TRUE(in_need(std::nullopt, {.running = 1}));
  EXPECT_TRUE(in_need(std::nullopt, {.starting = 1, .pending = 1}));
  EXPECT_FALSE(in_need(std::nullopt, {.starting = 1}));
  EXPECT_FALSE(in_need(std::nullopt, {.failed_starts = 1}));
}

// A preset as it may be found, small, so that pools in balance are among many.
PresetSnapshot random_preset(Random &random) {
  PresetSnapshot preset = active(random.between(0, 2));
  if (random.one_in(3)) preset.activity = Activity::other_version;
  if (random.one_in(6)) preset.prebuild_status = PrebuildStatus::hard_limited;
  if (random.one_in(6)) {
    preset.scheduling_timezone = "UTC";
    preset.civil_now = CivilTime{};
    preset.schedules = {{{}, "* 0-8 * * *", 1}};
  }
  if (random.one_in(2)) preset.ttl = std::chrono::minutes{random.between(0, 30)};
  if (random.one_in(2)) preset.last_invalidated_at = ago(std::chrono::minutes{random.between(0, 30)});
  for (int n = random.between(0, 2); n > 0; n--)
    preset.running.push_back(ready('A', std::chrono::minutes{random.between(0, 30)}));
  preset.starting = random.between(0, 1);
  if (preset.starting == 1 && !preset.active() && random.one_in(2))
    preset.pending_inactive.push_back(not_ready('B', 1min));
  if (random.one_in(4)) preset.failure_base = builds("F-2 F-1");
  if (random.one_in(6)) preset.validation_problem = "a parameter has no value";
  if (random.one_in(6)) preset.create_errors = {ago(1min)};
  return preset;
}

PoolCounts counts_of(const PresetSnapshot &preset) {
  PoolCounts pool{.running = static_cast<int>(preset.running.size()),
                  .starting = preset.starting,
                  .pending = static_cast<int>(preset.pending_inactive.size()),
                  .failed_starts = static_cast<int>(preset.failure_base.size())};
  for (const Prebuild &prebuild : preset.running)
    if (!pool.oldest_running || prebuild.created_at < *pool.oldest_running)
      pool.oldest_running = prebuild.created_at;
  return pool;
}

TEST(Balance, WhatIsLeftAloneNeedsNothing) {
  Random random(test_seed());
  int left_alone = 0;
  for (int i = 0; i < 20'000; i++) {
    const PresetSnapshot preset = random_preset(random);
    std::optional<Configuration> configuration;
    if (preset.active())
      configuration = {.desired_instances = preset.desired_instances,
                       .scheduled = !preset.scheduling_timezone.empty(),
                       .prebuild_status = preset.prebuild_status,
                       .ttl = preset.ttl,
                       .last_invalidated_at = preset.last_invalidated_at};
    if (in_need(configuration, counts_of(preset))) continue;
    left_alone++;
    const Decision decision = decide(preset, {.failure_hard_limit = 2}, now);
    EXPECT_TRUE(decision.can_skip) << actions_of(decision) << ", seed " << test_seed() << ", preset " << i;
  }
  EXPECT_GT(left_alone, 1'000);
}

}  // namespace
}  // namespace prebuilds::core
