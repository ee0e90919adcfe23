// The counting of live prebuilds.
#pragma once

#include <unordered_map>

#include "pg/datum.hpp"

namespace prebuilds::reconciler {

// The live prebuilds of a preset, counted one by one.
struct Counted {
  int running = 0;
  int starting = 0;
  int pending = 0;
  int failed_starts = 0;
  TimestampTz oldest_running = DT_NOEND;  // of none, as is the next
  TimestampTz oldest = DT_NOEND;

  // Columns of prebuilds.live_prebuilds; \0: a state of NULL.
  void add(char state, TimestampTz created_at) {
    oldest = std::min(oldest, created_at);
    switch (state) {
      case 'r':
        running++;
        oldest_running = std::min(oldest_running, created_at);
        break;
      case 'p': pending++; [[fallthrough]];
      case 's': starting++; break;
      case 'f': failed_starts++; break;
    }
  }
};

// Good enough for a table of ids of which some part differs, and short.
struct HashUuid {
  std::size_t operator()(const core::Uuid &uuid) const noexcept {
    std::array<std::uint64_t, 2> halves;
    std::memcpy(halves.data(), uuid.bytes.data(), sizeof(halves));
    return halves[0] * 0x9e3779b97f4a7c15 + halves[1];
  }
};

// The pools of all presets that have a live prebuild, under the active snapshot.
std::unordered_map<core::Uuid, Counted, HashUuid> count_pools();

}  // namespace prebuilds::reconciler
