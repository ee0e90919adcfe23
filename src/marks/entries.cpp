// The entries of lists, read by index, and what the marks hide of them.
#include <chrono>

#include "marks/lists.hpp"
#include "marks/marks.hpp"

namespace prebuilds::marks {

namespace {

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
  static constinit std::size_t checked = 0;  // all in all
  if (!in_use()) return;
  const auto ends_at = std::chrono::steady_clock::now() + longest_check;
  // The marks before the snapshot: what leaves a list in between is not seen any more.
  std::vector<Mark> too_high;
  const std::vector<Mark> marks = take_used();
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  for (std::size_t n = 0; n < marks.size() && std::chrono::steady_clock::now() < ends_at; n++) {
    pg::check_for_interrupts();
    const Mark &mark = marks[checked++ % marks.size()];
    const std::optional<core::Place> first = first_entry(mark.list, core::before_all);
    if (first && *first < mark.place) too_high.push_back({mark.list, *first});
  }
  pg::call([] { PopActiveSnapshot(); });
  lower(too_high);
}

}  // namespace prebuilds::marks
