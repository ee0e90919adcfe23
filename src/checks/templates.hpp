// Deleting a template against making somebody's workspace of it.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::checks {

// Whether a deletion of the template has committed that the snapshot of the transaction is too old to show,
// in REPEATABLE READ and above: the caller's own look sees all others. Who has locked a prebuild of the
// template keeps later deletions waiting.
bool deleted_meanwhile(const core::Uuid &template_id);

}  // namespace prebuilds::checks
