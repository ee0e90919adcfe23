// What the view prebuilds.live_prebuild_definitions says of single workspaces, fast enough for triggers: by
// index, without SQL. The view is the definition; every sweep compares it with what was derived from here.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::read_model {

// A row of prebuilds.live_prebuilds, column by column.
struct LivePrebuild {
  core::Uuid workspace_id;
  std::optional<core::Uuid> preset_id;
  pg::Timestamp created_at;
  std::optional<char> state;
  bool ready = false;
  bool system_initiated = false;
  bool worker_assigned = false;
  int build_number = 0;
  Oid transition = InvalidOid;  // the value of an enum, as job_status
  Oid job_status = InvalidOid;
  pg::Timestamp build_created_at;
  core::Uuid build_id;
  core::Uuid job_id;
  core::Uuid template_version_id;
  std::optional<core::Uuid> build_preset_id;
  std::optional<pg::Timestamp> job_completed_at;

  bool operator==(const LivePrebuild &) const = default;
};

struct Definition {
  LivePrebuild row;
  bool workspace_is_ours_alone = false;  // so no other session can have derived it
};

// The rows that these workspaces should have, in their order, under the active snapshot; none for what is no
// prebuild.
std::vector<Definition> definitions(std::span<const core::Uuid> workspaces);

}  // namespace prebuilds::read_model
