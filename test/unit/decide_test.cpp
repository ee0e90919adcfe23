// State and actions of one preset, without failures.
#include "core/decide.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/pool.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

constexpr DesiredSource inactive_source = DesiredSource::inactive;

Decision decided(const PresetSnapshot &preset) { return decide(preset, Settings{}, now); }

TEST(Decide, Nothing) {
  const Decision decision = decided(active(0));
  EXPECT_EQ(decision.state, (State{}));
  EXPECT_EQ(actions_of(decision), "");
  EXPECT_TRUE(decision.can_skip);
  EXPECT_EQ(decision.problem, "");
}

TEST(Decide, NetNew) {
  const Decision decision = decided(active(1));
  EXPECT_EQ(decision.state, (State{.desired = 1}));
  EXPECT_EQ(actions_of(decision), "create 1");
  EXPECT_EQ(decision.actions[0].count, 1);
  EXPECT_EQ(decision.actions[0].reason, "1 desired, 0 running and not expired, 0 starting");
  EXPECT_FALSE(decision.can_skip);
}

TEST(Decide, Outdated) {
  PresetSnapshot preset = inactive(1);
  preset.running = {ready('A', 2h)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.actual = 1, .desired_source = inactive_source}));
  EXPECT_EQ(actions_of(decision), "delete inactive A");
  EXPECT_EQ(decision.actions[0].reason, "its version is not the active one");
}

// The old preset's delete does not hold up the new one's create: each is decided by itself.
TEST(Decide, OutdatedWithNewPreset) {
  PresetSnapshot old_preset = inactive(1);
  old_preset.running = {ready('A', 2h)};
  EXPECT_EQ(actions_of(decided(old_preset)), "delete inactive A");
  const Decision decision = decided(active(1));
  EXPECT_EQ(decision.state, (State{.desired = 1}));
  EXPECT_EQ(actions_of(decision), "create 1");
}

TEST(Decide, CancelPending) {
  PresetSnapshot preset = inactive(0);
  preset.pending_inactive = {not_ready('B', 1min), not_ready('A', 2min)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.desired_source = inactive_source}));
  EXPECT_EQ(actions_of(decision), "cancel_pending inactive A B");
  EXPECT_EQ(decision.actions[0].count, 2);
}

TEST(Decide, PendingOnActive) {
  PresetSnapshot preset = active(2);
  preset.starting = 2;
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.desired = 2, .starting = 2}));
  EXPECT_EQ(actions_of(decision), "");
  EXPECT_TRUE(decision.can_skip);
}

TEST(Decide, Extraneous) {
  PresetSnapshot preset = active(1);
  preset.running = {ready('B', 0h), ready('A', 1h)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.actual = 2, .desired = 1, .eligible = 2, .extraneous = 1}));
  EXPECT_EQ(actions_of(decision), "delete extraneous A");
  EXPECT_EQ(decision.actions[0].reason, "1 desired, 2 running and not expired");
}

TEST(Decide, Deprecated) {
  PresetSnapshot preset = inactive(1, Activity::template_deprecated);
  preset.running = {ready('A', 2h)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.actual = 1, .desired_source = inactive_source}));
  EXPECT_EQ(actions_of(decision), "delete inactive A");
  EXPECT_EQ(decision.actions[0].reason, "the template is deprecated");
}

TEST(Decide, DeletedTemplate) {
  PresetSnapshot preset = inactive(1, Activity::template_deleted);
  preset.running = {ready('A', 2h)};
  EXPECT_EQ(actions_of(decided(preset)), "delete inactive A");
  EXPECT_EQ(decided(preset).actions[0].reason, "the template is deleted");
}

TEST(Decide, TwoPresetsOfAVersion) {
  PresetSnapshot first = active(1);
  first.starting = 1;
  EXPECT_EQ(actions_of(decided(first)), "");
  EXPECT_EQ(actions_of(decided(active(1))), "create 1");
}

TEST(Decide, StartInProgress) {
  PresetSnapshot preset = active(3);
  preset.running = {ready('A', 2h)};
  preset.starting = 2;
  EXPECT_EQ(actions_of(decided(preset)), "");
}

TEST(Decide, StopInProgress) {
  PresetSnapshot preset = active(3);
  preset.running = {ready('A', 2h), ready('B', 2h)};
  preset.stopping = 1;
  EXPECT_EQ(actions_of(decided(preset)), "create 1");
}

TEST(Decide, DeleteInProgress) {
  PresetSnapshot preset = active(3);
  preset.running = {ready('A', 5h), ready('B', 4h), ready('C', 3h), ready('D', 2h), ready('E', 1h)};
  preset.deleting = 2;
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state,
            (State{.actual = 5, .desired = 3, .eligible = 5, .extraneous = 2, .deleting = 2}));
  EXPECT_EQ(actions_of(decision), "delete extraneous A B");
}

TEST(Decide, OneOfTwoExpired) {
  PresetSnapshot preset = active(2);
  preset.ttl = 1h;
  preset.running = {not_ready('A', 2h), not_ready('B', 30min)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.actual = 2, .expired = 1, .desired = 2}));
  EXPECT_EQ(actions_of(decision), "delete expired A; create 1");
  EXPECT_EQ(decision.actions[0].reason, "1 older than the TTL of 3600 s");
}

TEST(Decide, ExpiredThenExtraneous) {
  PresetSnapshot preset = active(2);
  preset.ttl = 3h;
  preset.running = {not_ready('D', 10min), not_ready('A', 4h), not_ready('B', 2h), not_ready('C', 1h)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.actual = 4, .expired = 1, .desired = 2, .extraneous = 1}));
  EXPECT_EQ(actions_of(decision), "delete expired A; delete extraneous B");
}

TEST(Decide, Invalidated) {
  PresetSnapshot preset = active(2);
  preset.last_invalidated_at = ago(1min);
  preset.running = {ready('B', 1h), ready('A', 2h)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.actual = 2, .expired = 2, .desired = 2}));
  EXPECT_EQ(actions_of(decision), "delete expired A B; create 2");
  EXPECT_EQ(decision.actions[0].reason, "2 created before the invalidation of 2025-06-02 11:59:00+00");
}

TEST(Decide, OneNewerThanTheInvalidation) {
  PresetSnapshot preset = active(2);
  preset.last_invalidated_at = ago(90min);
  preset.running = {not_ready('A', 2h), not_ready('B', 1h)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.actual = 2, .expired = 1, .desired = 2}));
  EXPECT_EQ(actions_of(decision), "delete expired A; create 1");
}

TEST(Decide, InactiveAndExpired) {
  PresetSnapshot preset = inactive(2);
  preset.ttl = 90min;
  preset.running = {ready('B', 1h), ready('A', 2h)};
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.actual = 2, .expired = 1, .desired_source = inactive_source}));
  EXPECT_EQ(actions_of(decision), "delete inactive A B");
}

TEST(Decide, InactiveCancelsBeforeItDeletes) {
  PresetSnapshot preset = inactive(2);
  preset.running = {ready('A', 2h)};
  preset.pending_inactive = {not_ready('B', 1h)};
  EXPECT_EQ(actions_of(decided(preset)), "cancel_pending inactive B; delete inactive A");
}

TEST(Decide, ExpiryIsStrict) {
  PresetSnapshot preset = active(0);
  const auto expired = [&](Instant created_at) { return is_expired(created_at, preset, now); };
  EXPECT_FALSE(expired(Instant::min()));

  preset.ttl = 1h;
  EXPECT_FALSE(expired(ago(1h)));
  EXPECT_TRUE(expired(ago(1h + 1us)));
  preset.ttl = 0h;
  EXPECT_FALSE(expired(ago(1h)));

  preset.ttl.reset();
  preset.last_invalidated_at = now;
  EXPECT_FALSE(expired(now));
  EXPECT_TRUE(expired(ago(1us)));
}

TEST(Decide, ExpiryAtTheEndsOfTime) {
  PresetSnapshot preset = active(0);
  preset.ttl = Duration::max();
  EXPECT_FALSE(is_expired(Instant{}, preset, now));
  EXPECT_TRUE(is_expired(Instant::min(), preset, now)) << "it is infinitely old";
  EXPECT_FALSE(is_expired(Instant::min(), preset, Instant::min()));
  preset.ttl = 1us;
  EXPECT_TRUE(is_expired(Instant::min(), preset, Instant::max()));
  EXPECT_FALSE(is_expired(Instant::max(), preset, Instant::min()));
}

TEST(Decide, EqualAgeIsDecidedById) {
  PresetSnapshot preset = active(1);
  preset.running = {ready('C', 1h), ready('A', 1h), ready('B', 1h)};
  EXPECT_EQ(actions_of(decided(preset)), "delete extraneous A B");
}

TEST(Decide, TheOrderOfRowsDoesNotMatter) {
  PresetSnapshot preset = active(1);
  preset.ttl = 150min;
  preset.running = {ready('A', 4h), ready('B', 3h), ready('C', 2h), ready('D', 1h), ready('E', 0h)};
  const std::string expected = "delete expired A B; delete extraneous C D";
  do {
    ASSERT_EQ(actions_of(decided(preset)), expected);
  } while (std::next_permutation(preset.running.begin(), preset.running.end(),
                                 [](const Prebuild &a, const Prebuild &b) { return a.id < b.id; }));
}

// Starting prebuilds hold back creates, but nothing is deleted for their sake until they run.
TEST(Decide, StartingIsNeverExtraneous) {
  PresetSnapshot preset = active(1);
  preset.running = {ready('A', 1h)};
  preset.starting = 5;
  EXPECT_EQ(actions_of(decided(preset)), "");
  EXPECT_EQ(decided(preset).state.extraneous, 0);
}

TEST(Decide, FailedAndParkedCountForNothing) {
  PresetSnapshot preset = active(2);
  preset.failed = 3;
  preset.parked = 4;
  EXPECT_EQ(actions_of(decided(preset)), "create 2");
}

TEST(Decide, OnlyReadyAndValidIsEligible) {
  PresetSnapshot preset = active(3);
  preset.ttl = 90min;
  preset.running = {ready('A', 2h), ready('B', 1h), not_ready('C', 1h)};
  EXPECT_EQ(decided(preset).state.eligible, 1);
  preset.activity = Activity::other_version;
  EXPECT_EQ(decided(preset).state.eligible, 0);
}

TEST(Decide, ScheduleInForce) {
  PresetSnapshot preset = active(1);
  preset.scheduling_timezone = "UTC";
  preset.schedules = {{.id = called('S'), .cron_expression = "* 9-18 * * 1-5", .desired_instances = 3}};
  preset.civil_now = civil_at(now);
  const Decision decision = decided(preset);
  EXPECT_EQ(decision.state, (State{.desired = 3, .desired_source = DesiredSource::schedule}));
  EXPECT_EQ(actions_of(decision), "create 3");
}

TEST(Decide, ScheduleThatCannotBeUsed) {
  PresetSnapshot preset = active(1);
  preset.scheduling_timezone = "Europe/Berln1";
  preset.schedules = {{.id = called('S'), .cron_expression = "* 9-18 * * 1-5", .desired_instances = 3}};
  const Decision decision = decided(preset);
  EXPECT_EQ(actions_of(decision), "create 1");
  EXPECT_EQ(decision.problem,
            "schedules are not used, the static count is: \"Europe/Berln1\" is not a time zone");
}

TEST(Decide, CanSkip) {
  EXPECT_TRUE(decided(inactive(5)).can_skip);

  PresetSnapshot draining = inactive(5);
  draining.pending_inactive = {not_ready('A', 1h)};
  EXPECT_FALSE(decided(draining).can_skip);

  PresetSnapshot balanced = active(1);
  balanced.running = {ready('A', 1h)};
  EXPECT_TRUE(decided(balanced).can_skip);

  balanced.prebuild_status = PrebuildStatus::hard_limited;
  EXPECT_FALSE(decided(balanced).can_skip);
}

TEST(Problem, ExpiredWhileStarting) {
  PresetSnapshot preset = active(1);
  preset.starting = 1;
  preset.oldest_starting = ago(2h);
  EXPECT_EQ(decided(preset).problem, "");

  preset.ttl = 1h;
  const Decision decision = decided(preset);
  EXPECT_EQ(actions_of(decision), "");  // it counts as starting whatever its age
  EXPECT_EQ(
      decision.problem,
      "expired while still starting, to be replaced when it runs: a prebuild older than the TTL of 3600 s");

  preset.last_invalidated_at = ago(1h);
  EXPECT_EQ(decided(preset).problem,
            "expired while still starting, to be replaced when it runs: a prebuild created before the "
            "invalidation of 2025-06-02 11:00:00+00");
}

TEST(Problem, OfQueueAndCreatesIsPassedOn) {
  PresetSnapshot preset = active(1);
  preset.starting = 1;
  preset.queue_problem = "no provisioner serves its queue";
  preset.last_error = "unknown parameter";
  EXPECT_EQ(decided(preset).problem, "no provisioner serves its queue; last error: unknown parameter");
}

}  // namespace
}  // namespace prebuilds::core
