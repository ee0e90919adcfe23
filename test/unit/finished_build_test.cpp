// What a finished build tells the metrics.
#include "core/finished_build.hpp"

#include <gtest/gtest.h>

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

constexpr Instant noon{Duration{1'000'000'000'000'000}};

// Five seconds in the queue, one minute at work.
FinishedBuild build_of(bool system, int build_number, Outcome outcome = Outcome::succeeded) {
  return {.job = {.outcome = outcome, .queued_at = noon, .started_at = noon + 5s, .ended_at = noon + 65s},
          .system_initiated = system,
          .build_number = build_number};
}

FinishedBuild claim(Outcome outcome = Outcome::succeeded) {
  FinishedBuild build = build_of(false, 2, outcome);
  build.job.claim = true;
  return build;
}

using Observations = std::vector<Observation>;

// Of a build for which nobody may need to know about earlier starts.
Observations told(const FinishedBuild &build) {
  return observe(build, [] {
    ADD_FAILURE() << "asked for earlier starts";
    return false;
  });
}

Observations told(const FinishedBuild &build, bool started_before) {
  return observe(build, [&] { return started_before; });
}

TEST(FinishedBuild, APrebuildIsTimedByItsFirstBuild) {
  EXPECT_EQ(told(build_of(true, 1)),
            (Observations{{"coderd_workspace_creation_duration_seconds", "prebuild", 60s}}));
  EXPECT_EQ(told(build_of(true, 3)), Observations{});
}

TEST(FinishedBuild, APrebuildThatFailsIsCounted) {
  EXPECT_EQ(told(build_of(true, 1, Outcome::failed)),
            (Observations{{"coderd_prebuilt_workspaces_failed_total", "", {}}}));
  EXPECT_EQ(told(build_of(true, 2, Outcome::failed)), Observations{});
}

TEST(FinishedBuild, AWorkspaceFromScratchIsCountedAndTimed) {
  EXPECT_EQ(told(build_of(false, 1), false),
            (Observations{{"coderd_workspace_creation_duration_seconds", "regular", 60s},
                          {"coderd_workspace_creation_total", "", {}}}));
}

// The first build failed, say: the workspace came to be by this one, whose time is not that of a creation.
TEST(FinishedBuild, AWorkspaceIsCountedAtItsFirstSuccessfulStart) {
  EXPECT_EQ(told(build_of(false, 2), false), (Observations{{"coderd_workspace_creation_total", "", {}}}));
  EXPECT_EQ(told(build_of(false, 2), true), Observations{});
}

TEST(FinishedBuild, AClaimIsTimedWithAndWithoutTheQueue) {
  EXPECT_EQ(told(claim()), (Observations{{"coderd_prebuilt_workspace_claim_duration_seconds", "", 60s},
                                         {"coderd_prebuilt_workspace_claim_wait_seconds", "", 65s}}));
}

// Whoever writes jobs may write 'infinity'.
TEST(FinishedBuild, WhatBeganAtNoInstantIsNotTimed) {
  for (const Instant never : {Instant::min(), Instant::max()}) {
    FinishedBuild build = build_of(false, 1);
    build.job.started_at = never;
    EXPECT_EQ(told(build, false), (Observations{{"coderd_workspace_creation_total", "", {}}}));
    build = claim();
    build.job.queued_at = never;
    EXPECT_EQ(told(build), (Observations{{"coderd_prebuilt_workspace_claim_duration_seconds", "", 60s}}));
  }
}

TEST(FinishedBuild, TheBuildOfThePrebuildsUserIsNoClaim) {
  FinishedBuild build = build_of(true, 1);
  build.job.claim = true;
  EXPECT_EQ(told(build), (Observations{{"coderd_workspace_creation_duration_seconds", "prebuild", 60s}}));
}

TEST(FinishedBuild, WhatFailedOrWasCanceledTakesNoTime) {
  for (const Outcome outcome : {Outcome::failed, Outcome::canceled}) {
    EXPECT_EQ(told(build_of(false, 1, outcome)), Observations{});
    EXPECT_EQ(told(claim(outcome)), Observations{});
  }
  EXPECT_EQ(told(build_of(true, 1, Outcome::canceled)), Observations{});
}

TEST(FinishedBuild, OnlyStartsTellAnything) {
  for (FinishedBuild build :
       {build_of(true, 1), build_of(true, 1, Outcome::failed), build_of(false, 1), claim()}) {
    build.start = false;
    EXPECT_EQ(told(build), Observations{});
  }
}

TEST(FinishedBuild, WithoutAStartTheQueueCounts) {
  FinishedBuild build = build_of(true, 1);
  build.job.started_at = {};
  EXPECT_EQ(told(build)[0].duration, 65s);
}

TEST(FinishedBuild, NoTimeIsNegativeOrOverflows) {
  FinishedBuild build = build_of(true, 1);
  build.job.ended_at = noon;
  EXPECT_EQ(told(build)[0].duration, 0s);
  build.job.started_at = Instant::min() + Duration(1);
  build.job.ended_at = Instant::max() - Duration(1);
  EXPECT_EQ(told(build)[0].duration, Duration::max());
}

}  // namespace
}  // namespace prebuilds::core
