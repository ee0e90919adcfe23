#include "core/expiry.hpp"

#include <gtest/gtest.h>

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

constexpr Instant now{Duration{1'750'000'000'000'000}};

TEST(Expiry, NothingExpiresOfAPresetWithoutTtlAndInvalidation) {
  EXPECT_EQ(oldest_unexpired({}, {}, now), Instant::min());
  EXPECT_EQ(oldest_unexpired(0s, {}, now), Instant::min());
  EXPECT_EQ(oldest_unexpired(-1s, {}, now), Instant::min());
}

TEST(Expiry, TheLaterOfTtlAndInvalidationCounts) {
  EXPECT_EQ(oldest_unexpired(1h, {}, now), now - 1h);
  EXPECT_EQ(oldest_unexpired({}, now - 2h, now), now - 2h);
  EXPECT_EQ(oldest_unexpired(1h, now - 2h, now), now - 1h);
  EXPECT_EQ(oldest_unexpired(3h, now - 2h, now), now - 2h);
  EXPECT_EQ(oldest_unexpired(0s, now - 2h, now), now - 2h);
}

TEST(Expiry, TimeEndsWhereInstantsEnd) {
  EXPECT_EQ(oldest_unexpired(1h, {}, Instant::min()), Instant::min());
  EXPECT_EQ(oldest_unexpired(1h, {}, Instant::max()), Instant::max());
  EXPECT_EQ(oldest_unexpired({}, Instant::max(), now), Instant::max());
}

}  // namespace
}  // namespace prebuilds::core
