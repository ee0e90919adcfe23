// What a claim takes: the oldest claimable prebuild of a preset that nobody else has locked.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::claims {

// A prebuild and its latest build.
struct LockedPrebuild {
  core::Uuid id;  // the workspace
  core::Instant created_at;
  core::Uuid build_id;
  int build_number = 0;
};

struct Wanted {
  core::Uuid preset;
  core::Instant oldest;                     // older ones have expired
  std::span<const core::Uuid> passed_over;  // have turned out to be of no use
};

// Locks its row of the read model and its workspace; none: there is none. What was tried on the way may stay
// locked. Never waits, and never fails because of what others have changed: in REPEATABLE READ and above what
// has changed since the snapshot is left alone.
std::optional<LockedPrebuild> lock_oldest_prebuild(const Wanted &wanted);

}  // namespace prebuilds::claims
