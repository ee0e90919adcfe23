// Which presets are due, and when.
#include "core/agenda.hpp"

#include <gtest/gtest.h>

#include "unit/pool.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;
using Presets = std::vector<Uuid>;

const Uuid a = called('a'), b = called('b'), c = called('c');

TEST(Agenda, NothingIsExpected) {
  Agenda agenda;
  EXPECT_EQ(agenda.next(), std::nullopt);
  EXPECT_EQ(agenda.due(Instant::max()), Presets());
}

TEST(Agenda, OnlyThoseThatAreDue) {
  Agenda agenda;
  agenda.expect(a, now + 3s);
  agenda.expect(b, now + 1s);
  agenda.expect(c, now + 2s);
  EXPECT_EQ(agenda.next(), now + 1s);
  EXPECT_EQ(agenda.due(now + 1s - 1us), Presets());
  EXPECT_EQ(agenda.due(now + 1s), Presets{b});
  EXPECT_EQ(agenda.due(now + 2s), (Presets{b, c}));
  EXPECT_EQ(agenda.due(now + 3s), (Presets{a, b, c}));
}

TEST(Agenda, TheEarliestInstantCounts) {
  Agenda agenda;
  agenda.expect(a, now + 2s);
  agenda.expect(a, now + 3s);
  EXPECT_EQ(agenda.next(), now + 2s);
  agenda.expect(a, now + 1s);
  EXPECT_EQ(agenda.next(), now + 1s);
  agenda.settle(Presets{a});
  EXPECT_EQ(agenda.next(), std::nullopt);
}

// A pass that fails, or finds the lock taken, has not looked at them.
TEST(Agenda, WhoIsDueStaysDueUntilSettled) {
  Agenda agenda;
  agenda.expect(a, now);
  agenda.expect(b, now + 1s);
  EXPECT_EQ(agenda.due(now), Presets{a});
  EXPECT_EQ(agenda.due(now), Presets{a});
  agenda.settle(Presets{a, c});
  EXPECT_EQ(agenda.due(now), Presets());
  EXPECT_EQ(agenda.next(), now + 1s);
}

TEST(Agenda, Clear) {
  Agenda agenda;
  agenda.expect(a, now);
  agenda.clear();
  EXPECT_EQ(agenda.next(), std::nullopt);
  EXPECT_EQ(agenda.due(now), Presets());
}

}  // namespace
}  // namespace prebuilds::core
