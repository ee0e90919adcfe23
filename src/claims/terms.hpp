// On which terms somebody can claim from a preset.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::claims {

// A preset with its version and template, the owner, and the prebuild that is locked for him.
struct Terms {
  core::Uuid template_version_id;
  core::Uuid template_id;
  core::Uuid organization_id;
  bool has_pool = false;  // a number of prebuilds is desired, be it 0
  std::optional<core::Instant> last_invalidated_at;
  std::optional<core::Duration> prebuild_ttl;
  Datum tags = 0;                // jsonb, the version's
  Datum provisioner = 0;         // text, the template's
  std::int64_t default_ttl = 0;  // of workspaces, in nanoseconds; 0: they never stop by themselves

  bool active = false;        // the version is, of a template that is neither deprecated nor deleted
  bool at_work = false;       // a build of the prebuild is open
  bool name_taken = false;    // the owner has a workspace of the name, in whatever case
  bool owner_exists = false;  // and is not deleted
};

// None: there is no such preset. `name` is of type text; `prebuild` may be none. What the terms point to is
// palloc'd.
std::optional<Terms> find_terms(const core::Uuid &preset, const core::Uuid &owner, Datum name,
                                const std::optional<core::Uuid> &prebuild);

}  // namespace prebuilds::claims
