// Counts passes since the server started, also those that write nothing; where there is no shared memory
// nothing does.
#pragma once

#include "reconciler/pass.hpp"

namespace prebuilds::worker {

void count_pass(reconciler::PassOutcome outcome);

}  // namespace prebuilds::worker
