// The entries of lists, read by index, and what the marks hide of them.
#include "marks/lists.hpp"
#include "marks/marks.hpp"

namespace prebuilds::marks {

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
// has to.
void check_all() {
  if (!in_use()) return;
  // The marks before the snapshot: what leaves a list in between is not seen any more.
  std::vector<Mark> too_high;
  const std::vector<Mark> marks = take_used();
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  for (const Mark &mark : marks) {
    pg::check_for_interrupts();
    const std::optional<core::Place> first = first_entry(mark.list, core::before_all);
    if (first && *first < mark.place) too_high.push_back({mark.list, *first});
  }
  pg::call([] { PopActiveSnapshot(); });
  lower(too_high);
}

}  // namespace prebuilds::marks
