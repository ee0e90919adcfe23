// The entries of lists, read by index, and what the marks hide of them.
#include <chrono>

#include "marks/lists.hpp"
#include "marks/marks.hpp"

namespace prebuilds::marks {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds longest_check{50};

}  // namespace

std::optional<core::Place> first_entry(const List &list, const core::Place &from) {
  switch (list.kind) {
    case List::Kind::pool: return claimable_prebuilds.first(list.key, from);
    case List::Kind::prebuilds: return live_prebuilds.first(list.key, from);
    case List::Kind::people_queue:
    case List::Kind::prebuilds_queue: break;
  }
  std::int64_t queue_key = 0;
  std::memcpy(&queue_key, list.key.bytes.data(), sizeof(queue_key));
  return pending_jobs.first(queue_key, list.kind == List::Kind::prebuilds_queue, from);
}

// Beside an old snapshot this walks over all that has left the lists: the sweep does it, so that nobody else
// has to, and does not let the pools wait for it.
void check_some() {
  if (!in_use()) return;
  // The marks before the snapshot: what leaves a list in between is not seen any more.
  std::vector<Mark> too_high;
  const std::vector<Mark> marks = take_used();
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  const Clock::time_point began = Clock::now();
  // Somewhere, as nobody remembers where the last one ended, which may have been another process.
  const auto start = static_cast<std::size_t>(began.time_since_epoch().count());
  for (std::size_t n = 0; n < marks.size(); n++) {
    if (n > 0 && Clock::now() - began > longest_check) break;
    pg::check_for_interrupts();
    const Mark &mark = marks[(start + n) % marks.size()];
    const std::optional<core::Place> first = first_entry(mark.list, core::before_all);
    if (first && *first < mark.place) too_high.push_back({mark.list, *first});
  }
  pg::call([] { PopActiveSnapshot(); });
  lower(too_high);
}

}  // namespace prebuilds::marks
