// Claims and misses, as they are recorded.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::metrics {

// Adds a row to prebuilds.prebuild_events; `type` is a value of prebuilds.prebuild_event_type. Without a
// statement: to start an executor takes longer than to write the row.
void record_event(const core::Uuid &preset, std::string_view type, pg::Timestamp at);

}  // namespace prebuilds::metrics
