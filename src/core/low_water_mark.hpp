// Where a list begins that is worked off from its oldest end, so that no reader has to walk again over what
// others have taken from it: while any snapshot is old, PostgreSQL must keep every dead entry.
//
// It holds places, not rows, and may only ever be too low. Three parties share it:
//   - who puts an entry into the list adds its place, once the entry is visible to everybody;
//   - who reads takes a ticket, then a snapshot, and starts at the mark;
//   - once what the reader took is gone for good, it raises the mark to the first entry of its snapshot,
//     locked ones included, but not above anything that was added since the ticket.
// So a rollback needs no attention, and an entry can be overlooked only until its writer's commit returns:
// whoever is told of it has to be told afterwards.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "core/time.hpp"
#include "core/uuid.hpp"

namespace prebuilds::core {

// A place in a list that is ordered by age. Entries created together are in the order of their ids.
struct Place {
  Instant created_at;
  Uuid id;

  auto operator<=>(const Place &) const = default;  // NOLINT(modernize-use-nullptr): a bug of the check
};

// Before and after every entry.
inline constexpr Place before_all{Instant::min(), {}};
inline constexpr Place after_all{
    Instant::max(),
    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}};

// Copied byte by byte into shared memory; the caller sees to it that one process at a time uses it.
class LowWaterMark {
 public:
  // Which of the additions a reader's snapshot is sure to show.
  struct Ticket {
    std::uint64_t generation = 0;
    std::uint64_t additions = 0;
  };

  // A mark about which nothing is known yet. `generation`: of no mark before it, so that tickets for a mark
  // that was forgotten are worth nothing.
  constexpr explicit LowWaterMark(std::uint64_t generation) : generation_(generation) {}

  // No entry lies before it.
  constexpr Place place() const { return place_; }
  constexpr Ticket ticket() const { return {generation_, additions_}; }

  constexpr void add(const Place &entry) {
    recent_[additions_++ % recent_.size()] = entry;
    place_ = std::min(place_, entry);
  }

  // `first`: the first entry of a snapshot taken after the ticket, or after_all.
  constexpr void raise(Ticket ticket, Place first) {
    if (ticket.generation != generation_ || additions_ - ticket.additions > recent_.size()) return;
    for (std::uint64_t n = ticket.additions; n != additions_; n++)
      first = std::min(first, recent_[n % recent_.size()]);
    place_ = std::max(place_, first);
  }

 private:
  std::uint64_t generation_;
  std::uint64_t additions_ = 0;
  Place place_ = before_all;
  // Additions come one per commit: more than these between a reader's ticket and its commit are a burst.
  std::array<Place, 16> recent_{};
};

}  // namespace prebuilds::core
