// The lists that are worked off oldest first, each by its index.
#pragma once

#include "pg/probe.hpp"

namespace prebuilds::marks {

inline constexpr pg::ListIndex claimable_prebuilds("live_prebuilds", "live_prebuilds_claim_idx",
                                                   "workspace_id");
inline constexpr pg::ListIndex live_prebuilds("live_prebuilds", "live_prebuilds_pool_idx", "workspace_id");
inline constexpr pg::ListIndex pending_jobs("provisioner_jobs", "provisioner_jobs_pending_idx", "id");

}  // namespace prebuilds::marks
