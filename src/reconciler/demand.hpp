// What a preset asks of its pool, from its row. Only inside of call().
#pragma once

#include "core/balance.hpp"
#include "pg/index_scan.hpp"

namespace prebuilds::reconciler {

// Of rows of template_version_presets that have prebuilds.
class DemandReader {
 public:
  explicit DemandReader(const pg::IndexScan &presets)
      : desired_instances_(presets.column("desired_instances")),
        scheduling_timezone_(presets.column("scheduling_timezone")),
        prebuild_status_(presets.column("prebuild_status")),
        ttl_(presets.column("invalidate_after_secs")),
        last_invalidated_at_(presets.column("last_invalidated_at")),
        healthy_(pg::enum_value(presets.type(prebuild_status_), "healthy")),
        hard_limited_(pg::enum_value(presets.type(prebuild_status_), "hard_limited")) {}

  core::Demand read(pg::IndexScan &preset) const {
    core::Demand demand;
    demand.desired_instances = DatumGetInt32(preset.value(desired_instances_));
    demand.scheduled = !pg::is_empty(preset.value(scheduling_timezone_));
    const Oid status = DatumGetObjectId(preset.value(prebuild_status_));
    demand.prebuild_status = status == healthy_        ? core::PrebuildStatus::healthy
                             : status == hard_limited_ ? core::PrebuildStatus::hard_limited
                                                       : core::PrebuildStatus::validation_failed;
    if (!preset.is_null(ttl_)) demand.ttl = std::chrono::seconds(DatumGetInt32(preset.value(ttl_)));
    if (!preset.is_null(last_invalidated_at_))
      demand.last_invalidated_at = pg::to_instant(DatumGetTimestampTz(preset.value(last_invalidated_at_)));
    return demand;
  }

 private:
  AttrNumber desired_instances_, scheduling_timezone_, prebuild_status_, ttl_, last_invalidated_at_;
  Oid healthy_, hard_limited_;
};

}  // namespace prebuilds::reconciler
