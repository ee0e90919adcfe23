// Whether passes are to act in this database.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::reconciler {

// What keeps passes from acting: "disabled", "held" or "paused", as the active snapshot shows it.
std::optional<std::string> standstill();

}  // namespace prebuilds::reconciler
