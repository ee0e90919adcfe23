// Whether passes are to act in this database.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::reconciler {

// Whether this database is a restore or a copy that nobody has resumed yet, as the active snapshot shows it.
bool held();

// What keeps passes from acting: "disabled", "held" or "paused", as the active snapshot shows it.
std::optional<std::string> standstill();

}  // namespace prebuilds::reconciler
