// A build of a workspace that is about to be written.
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::builds {

struct NewBuild {
  core::Uuid workspace_id;
  core::Uuid organization_id;
  core::Uuid owner_id;  // the workspace's, for whom the tags are normalised
  core::Uuid template_version_id;
  Datum provisioner = 0;  // text, the template's
  Datum tags = 0;         // jsonb, the version's
  int build_number = 1;
  std::string_view transition;  // a label of prebuilds.workspace_transition
  core::Uuid initiator_id;
  std::optional<core::Uuid> preset_id;
  std::string_view stage;                       // for the provisioner
  std::optional<core::Uuid> previous_build_id;  // whose provisioner state goes on
  pg::Param parameters;                         // jsonb; NULL: those of the previous build
  pg::Timestamp now;
};

// Writes it with its pending job and its parameters, and returns the job. Needs an open SpiSession; the
// caller's search_path and planner settings apply.
core::Uuid insert(const NewBuild &build);

}  // namespace prebuilds::builds
