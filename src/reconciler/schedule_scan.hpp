// The schedules of presets. Only inside of call().
#pragma once

#include "core/preset.hpp"
#include "pg/index_scan.hpp"

namespace prebuilds::reconciler {

// Of one preset after the other, under the active snapshot.
class ScheduleScan {
 public:
  // Adds its schedules, in any order, to a preset that lives outside of call().
  void read(core::PresetSnapshot &preset) {
    schedules_.start(preset.id);
    while (schedules_.next()) {
      CHECK_FOR_INTERRUPTS();
      core::Schedule &schedule = preset.schedules.emplace_back();
      schedule.id = pg::to_uuid(schedules_.value(id_));
      pg::assign(schedule.cron_expression, schedules_.value(cron_expression_));
      schedule.desired_instances = DatumGetInt32(schedules_.value(desired_instances_));
    }
  }
  void end() { schedules_.end(); }

 private:
  pg::IndexScan schedules_{"template_version_preset_prebuild_schedules",
                           "template_version_preset_prebuild_schedules_preset_id_idx"};
  AttrNumber id_ = schedules_.column("id");
  AttrNumber cron_expression_ = schedules_.column("cron_expression");
  AttrNumber desired_instances_ = schedules_.column("desired_instances");
};
static_assert(std::is_trivially_destructible_v<ScheduleScan>);

}  // namespace prebuilds::reconciler
