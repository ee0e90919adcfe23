// What a job's row says about its progress, for all rows there can be.
#include "core/job_status.hpp"

#include <gtest/gtest.h>

#include <string>

namespace prebuilds::core {
namespace {

std::string status(bool started, bool canceled, bool completed, bool has_error = false) {
  return job_status({.started = started, .canceled = canceled, .completed = completed}, has_error);
}

TEST(JobStatus, AnErrorIsAFailureWhateverElse) {
  for (int times = 0; times < 8; times++)
    EXPECT_EQ(status((times & 1) != 0, (times & 2) != 0, (times & 4) != 0, true), "failed") << times;
}

TEST(JobStatus, FollowsTheTimesOfAJobWithoutError) {
  EXPECT_EQ(status(false, false, false), "pending");
  EXPECT_EQ(status(true, false, false), "running");
  EXPECT_EQ(status(true, false, true), "succeeded");
  EXPECT_EQ(status(true, true, false), "canceling");
  EXPECT_EQ(status(true, true, true), "canceled");
}

TEST(JobStatus, AJobMayEndOrBeCanceledBeforeItStarts) {
  EXPECT_EQ(status(false, false, true), "succeeded");
  EXPECT_EQ(status(false, true, false), "canceling");
  EXPECT_EQ(status(false, true, true), "canceled");
}

}  // namespace
}  // namespace prebuilds::core
