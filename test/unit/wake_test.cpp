// What the worker's wake-ups and retries are made of.
#include <gtest/gtest.h>

#include "core/backoff.hpp"
#include "core/bounded_set.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;
using Set = BoundedSet<int, 3>;

Set of(std::initializer_list<int> items) {
  Set set;
  for (int item : items) set.add(item);
  return set;
}

std::vector<int> items(const Set &set) { return {set.items().begin(), set.items().end()}; }

TEST(BoundedSet, IsEmptyAtFirst) {
  EXPECT_TRUE(Set().empty());
  EXPECT_FALSE(Set().contains(1));
}

TEST(BoundedSet, KeepsEachItemOnce) {
  const Set set = of({1, 2, 1, 2});
  EXPECT_EQ(items(set), (std::vector{1, 2}));
  EXPECT_TRUE(set.contains(2));
  EXPECT_FALSE(set.contains(3));
}

TEST(BoundedSet, MeansEverythingOnceItOverflows) {
  EXPECT_FALSE(of({1, 2, 3}).everything());
  const Set full = of({1, 2, 3, 4});
  EXPECT_TRUE(full.everything());
  EXPECT_FALSE(full.empty());
  EXPECT_TRUE(full.contains(99));
  EXPECT_TRUE(full.items().empty());
}

TEST(BoundedSet, MergesLikeAUnion) {
  Set set = of({1});
  set.merge(of({1, 2}));
  EXPECT_EQ(items(set), (std::vector{1, 2}));
  set.merge(of({3, 4}));
  EXPECT_TRUE(set.everything());
}

TEST(BoundedSet, MergesIntoAnEmptyOne) {
  Set set;
  set.merge(of({1, 2}));
  EXPECT_EQ(items(set), (std::vector{1, 2}));
  set.merge(of({2, 3}));
  EXPECT_EQ(items(set), (std::vector{1, 2, 3}));
  EXPECT_FALSE(set.everything());
}

TEST(BoundedSet, MergesEverything) {
  Set everything, set;
  everything.add_everything();
  set.merge(everything);
  EXPECT_TRUE(set.everything());
  everything.merge(of({1}));
  EXPECT_TRUE(everything.everything());
}

TEST(BoundedSet, ClearsEverything) {
  Set set = of({1, 2, 3, 4});
  set.clear();
  EXPECT_TRUE(set.empty());
  set.add(5);
  EXPECT_EQ(items(set), std::vector{5});
}

TEST(RetryDelay, DoublesUpToAMinute) {
  EXPECT_EQ(retry_delay(0), 0s);
  EXPECT_EQ(retry_delay(1), 1s);
  EXPECT_EQ(retry_delay(2), 2s);
  EXPECT_EQ(retry_delay(6), 32s);
  EXPECT_EQ(retry_delay(7), 60s);
  EXPECT_EQ(retry_delay(1'000'000), 60s);
}

}  // namespace
}  // namespace prebuilds::core
