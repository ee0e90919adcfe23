// Several processes that write one pass: what is decided once, under one snapshot, each writes a part of, in
// a transaction of its own.
#pragma once

#include "reconciler/pass.hpp"

namespace prebuilds::worker {

// prebuilds.reconciliation_concurrency, with 0 resolved.
int resolved_concurrency();

// See reconciler::Writers. The writers have ended when it returns, and however else the caller's transaction
// ends.
reconciler::Written write_by_several(std::span<const core::PresetPlan> plans, core::Instant now);

}  // namespace prebuilds::worker
