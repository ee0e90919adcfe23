// Which pools a pass can leave alone.
#include "core/balance.hpp"

#include <gtest/gtest.h>

#include <array>

#include "core/due.hpp"
#include "unit/counts.hpp"
#include "unit/pool.hpp"
#include "unit/random.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

constexpr Demand two{.desired_instances = 2};

bool in_need(const std::optional<Demand> &active, const PoolCounts &pool) {
  return may_need_something(active, pool, now);
}

TEST(Balance, AsManyAsDesired) {
  EXPECT_FALSE(in_need(two, {.running = 2}));
  EXPECT_FALSE(in_need(two, {.running = 1, .starting = 1}));
  EXPECT_TRUE(in_need(two, {.running = 1}));
  EXPECT_TRUE(in_need(two, {.running = 2, .starting = 1}));
  EXPECT_FALSE(in_need(Demand{}, {}));
}

TEST(Balance, OnlyASchedulesHourTellsWhatAScheduledPresetDesires) {
  EXPECT_TRUE(in_need(Demand{.scheduled = true}, {}));
}

TEST(Balance, AStatusMayHaveToChange) {
  EXPECT_TRUE(in_need(Demand{.prebuild_status = PrebuildStatus::hard_limited}, {}));
  EXPECT_TRUE(in_need(two, {.running = 2, .failed_starts = 1}));
}

TEST(Balance, AnInvalidationConcernsWhatIsOlder) {
  Demand invalidated = two;
  invalidated.last_invalidated_at = ago(1h);
  EXPECT_TRUE(in_need(invalidated, {.running = 2, .oldest_running = ago(1h + 1us)}));
  EXPECT_FALSE(in_need(invalidated, {.running = 2, .oldest_running = ago(1h)}));
  EXPECT_FALSE(in_need(invalidated, {.starting = 2}));
}

TEST(Balance, ExpiresStrictlyAfterItsTtl) {
  Demand ageing = two;
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
  if (random.one_in(4)) preset.prebuild_status = static_cast<PrebuildStatus>(random.between(1, 2));
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
  if (random.one_in(2)) {
    constexpr std::array histories{"F-2 F-1", "S-2 F-1", "F-2 S-1", "S-2 S-1"};
    preset.failure_base = builds(histories.at(static_cast<std::size_t>(random.between(0, 3))));
  }
  if (random.one_in(6)) preset.validation_problem = "a parameter has no value";
  if (random.one_in(6)) preset.create_errors = {ago(1min)};
  return preset;
}

Decision decided(const PresetSnapshot &preset) { return decide(preset, {.failure_hard_limit = 2}, now); }

TEST(Balance, WhatIsLeftAloneNeedsNothing) {
  Random random(test_seed());
  int left_alone = 0;
  for (int i = 0; i < 20'000; i++) {
    const PresetSnapshot preset = random_preset(random);
    if (in_need(demand_of(preset), counts_of(preset))) continue;
    left_alone++;
    const Decision decision = decided(preset);
    EXPECT_TRUE(decision.can_skip) << actions_of(decision) << ", seed " << test_seed() << ", preset " << i;
  }
  EXPECT_GT(left_alone, 1'000);
}

TEST(Balance, WhereCountsSufficeTheyTellTheSame) {
  Random random(test_seed());
  int with_gaps = 0;
  for (int i = 0; i < 20'000; i++) {
    const PresetSnapshot preset = random_preset(random);
    const auto demand = demand_of(preset);
    const PoolCounts counts = counts_of(preset);
    if (!counts_suffice(demand, counts, now)) continue;
    const PresetSnapshot counted = unlisted(preset);
    const Decision expected = decided(preset);
    const Decision decision = decided(counted);
    if (!expected.actions.empty()) with_gaps++;
    EXPECT_EQ(actions_of(decision), actions_of(expected)) << "seed " << test_seed() << ", preset " << i;
    EXPECT_EQ(decision.new_status, expected.new_status);
    EXPECT_EQ(decision.can_skip, expected.can_skip);

    std::optional<Instant> due = next_due(counted, decision, now);
    if (const auto expiry = next_expiry(*demand, counts))
      due = std::min(due.value_or(Instant::max()), later(*expiry, tick));
    EXPECT_EQ(due, next_due(preset, expected, now));
  }
  EXPECT_GT(with_gaps, 1'000);
}

}  // namespace
}  // namespace prebuilds::core
