// What the view prebuilds.live_prebuild_definitions says of single workspaces, fast enough for triggers: by
// index, without SQL. The view is the definition; every sweep compares it with what was derived from here.
#pragma once

#include "read_model/read_model.hpp"

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

// A row as it should be.
struct Definition {
  LivePrebuild row;           // at first as it is stored, or nothing but the workspace's id
  Parts to_read = whole_row;  // the others stay
  bool is_prebuild = true;
  bool workspace_is_ours_alone = false;  // if that was read: no other session can have derived the row
};

// Reads those parts of each row under the active snapshot.
void define(std::span<Definition> definitions);

}  // namespace prebuilds::read_model
