// What a worker should look at.
#pragma once

#include "core/bounded_set.hpp"
#include "core/uuid.hpp"

namespace prebuilds::worker {

// A hint, never the truth: what it misses the next sweep finds.
struct WakeSet {
  // Pools that something happened to: more than come together while a pass takes long. A pass over all of them
  // takes longer still, and during it come more.
  core::BoundedSet<core::Uuid, 512> presets;
  core::BoundedSet<std::int64_t, 32> job_queues;  // queues with a new job that nobody has announced yet

  bool empty() const { return presets.empty() && job_queues.empty(); }
  void merge(const WakeSet &other) {
    presets.merge(other.presets);
    job_queues.merge(other.job_queues);
  }
  void add_everything() {
    presets.add_everything();
    job_queues.add_everything();
  }
  void clear() {
    presets.clear();
    job_queues.clear();
  }
};

}  // namespace prebuilds::worker
