// Where a list begins: a mark that may be too low, never too high.
#include "core/low_water_mark.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "unit/random.hpp"

namespace prebuilds::core {
namespace {

using namespace std::chrono_literals;

Place at(int n) { return {Instant{} + n * 1s, {}}; }

TEST(LowWaterMark, KnowsNothingAtFirst) { EXPECT_EQ(LowWaterMark(1).place(), before_all); }

TEST(LowWaterMark, RisesToTheFirstEntryThatAReaderSaw) {
  LowWaterMark mark(1);
  mark.raise(mark.ticket(), at(5));
  EXPECT_EQ(mark.place(), at(5));
  mark.raise(mark.ticket(), after_all);
  EXPECT_EQ(mark.place(), after_all);
}

TEST(LowWaterMark, EntriesCreatedTogetherAreInTheOrderOfTheirIds) {
  LowWaterMark mark(1);
  Place second = at(5);
  second.id.bytes[15] = 1;
  mark.raise(mark.ticket(), second);
  EXPECT_LT(at(5), mark.place());
  EXPECT_LT(mark.place(), at(6));
}

TEST(LowWaterMark, FallsToAnOlderEntry) {
  LowWaterMark mark(1);
  mark.raise(mark.ticket(), at(5));
  mark.add(at(9));
  EXPECT_EQ(mark.place(), at(5));
  mark.add(at(2));
  EXPECT_EQ(mark.place(), at(2));
}

TEST(LowWaterMark, DoesNotRiseAboveWhatTheReaderMayNotHaveSeen) {
  LowWaterMark mark(1);
  const auto ticket = mark.ticket();
  mark.add(at(7));
  mark.add(at(3));
  mark.raise(ticket, at(5));
  EXPECT_EQ(mark.place(), at(3));
  mark.raise(mark.ticket(), at(5));
  EXPECT_EQ(mark.place(), at(5)) << "a reader that came later saw that it is gone";
}

TEST(LowWaterMark, StaysWhereItIsWhenMoreWasAddedThanItRemembers) {
  LowWaterMark mark(1);
  const auto ticket = mark.ticket();
  for (int n = 0; n < 17; n++) mark.add(at(100 + n));
  mark.raise(ticket, at(5));
  EXPECT_EQ(mark.place(), before_all);
}

TEST(LowWaterMark, AnOlderReaderDoesNotTakeItBack) {
  LowWaterMark mark(1);
  const auto ticket = mark.ticket();
  mark.raise(ticket, at(8));
  mark.raise(ticket, at(5));
  EXPECT_EQ(mark.place(), at(8));
}

TEST(LowWaterMark, RefusesTheTicketOfAMarkThatWasForgotten) {
  LowWaterMark mark(1);
  const auto ticket = mark.ticket();
  mark = LowWaterMark(2);
  mark.raise(ticket, at(5));
  EXPECT_EQ(mark.place(), before_all);
}

// Writers and readers of one list at once, as PostgreSQL lets them see each other.
class List {
 public:
  explicit List(unsigned seed) : random_(seed) {}

  void step() {
    switch (random_.between(1, 6)) {
      case 1:  // an entry becomes visible; its writer has not said so yet
        unsaid_.push_back(new_entry());
        break;
      case 2:
        if (!unsaid_.empty()) say(random_.between(0, static_cast<int>(unsaid_.size()) - 1));
        break;
      case 3:
        if (readers_.size() < 6) readers_.push_back({mark_.ticket(), mark_.place(), std::nullopt, after_all});
        break;
      case 4:  // a reader takes its snapshot, and the first entry of it that nobody has locked
        if (Reader *reader = any_reader(); reader != nullptr && !reader->first) look(*reader);
        break;
      case 5:
        if (Reader *reader = any_reader(); reader != nullptr && reader->first)
          finish(*reader, random_.one_in(3));
        break;
      default:
        if (random_.one_in(50)) mark_ = LowWaterMark(++generation_);
    }
  }

  // The entries before the mark that a reader could take, if their writers had not yet to say that they are
  // there.
  std::vector<Place> hidden() const {
    std::vector<Place> result;
    for (const Place &entry : visible_)
      if (entry < mark_.place() && std::find(unsaid_.begin(), unsaid_.end(), entry) == unsaid_.end())
        result.push_back(entry);
    return result;
  }
  bool rose() const { return rose_; }

 private:
  struct Reader {
    LowWaterMark::Ticket ticket;
    Place from;
    std::optional<Place> first;  // of its snapshot
    Place taken;                 // after_all: nothing
  };

  Place new_entry() {
    Place entry = at(random_.between(1, 60));
    entry.id.bytes[0] = static_cast<std::uint8_t>(random_.between(0, 255));
    visible_.insert(entry);
    return entry;
  }
  void say(int n) {
    mark_.add(unsaid_[n]);
    unsaid_.erase(unsaid_.begin() + n);
  }
  Reader *any_reader() {
    return readers_.empty() ? nullptr : &readers_[random_.between(0, static_cast<int>(readers_.size()) - 1)];
  }
  void look(Reader &reader) {
    const auto first = visible_.lower_bound(reader.from);
    reader.first = first == visible_.end() ? after_all : *first;
    for (auto entry = first; entry != visible_.end(); ++entry) {
      if (!locked_.insert(*entry).second) continue;
      reader.taken = *entry;
      break;
    }
  }
  void finish(Reader &reader, bool rolls_back) {
    locked_.erase(reader.taken);
    if (!rolls_back) {
      visible_.erase(reader.taken);
      // What was taken before its writer had said that it is there is said later all the same, which does no
      // harm.
      mark_.raise(reader.ticket, *reader.first);
      rose_ = rose_ || mark_.place() != before_all;
    }
    readers_.erase(readers_.begin() + (&reader - readers_.data()));
  }

  Random random_;
  std::uint64_t generation_ = 1;
  LowWaterMark mark_{generation_};
  std::set<Place> visible_;
  std::set<Place> locked_;
  std::vector<Place> unsaid_;
  std::vector<Reader> readers_;
  bool rose_ = false;
};

TEST(LowWaterMark, HidesNoEntryWhoeverComesBetween) {
  for (unsigned seed = test_seed(); seed < test_seed() + 200; seed++) {
    List list(seed);
    for (int n = 0; n < 2000; n++) {
      list.step();
      ASSERT_TRUE(list.hidden().empty()) << "PREBUILDS_TEST_SEED=" << seed << ", step " << n;
    }
    EXPECT_TRUE(list.rose());
  }
}

}  // namespace
}  // namespace prebuilds::core
