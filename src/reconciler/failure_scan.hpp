// What failed for presets before there was a build. Only inside of call().
#pragma once

#include "core/preset.hpp"
#include "pg/index_scan.hpp"

namespace prebuilds::reconciler {

// Of one preset after the other, under the active snapshot.
class FailureScan {
 public:
  // Adds what has failed since, that instant included, to a preset that lives outside of call().
  void read(core::PresetSnapshot &preset, core::Instant since) {
    std::array keys{pg::uuid_key(1, preset.id), pg::since_key(2, since)};
    failures_.start(keys.data());
    TimestampTz newest_at = 0;
    core::Uuid newest_id;
    while (failures_.next(BackwardScanDirection)) {
      CHECK_FOR_INTERRUPTS();
      const TimestampTz at = DatumGetTimestampTz(failures_.value(created_at_));
      const core::Uuid id = pg::to_uuid(failures_.value(id_));
      // The index does not order those of one instant.
      if (!preset.last_error || (at == newest_at && id > newest_id)) {
        if (!preset.last_error) preset.last_error.emplace();
        pg::assign(*preset.last_error, failures_.value(message_));
        newest_at = at;
        newest_id = id;
      }
      if (pg::equals(failures_.value(action_), "create")) preset.create_errors.push_back(pg::to_instant(at));
    }
  }
  void end() { failures_.end(); }

 private:
  pg::IndexScan failures_{"preset_failures", "preset_failures_preset_id_idx", 2};
  AttrNumber id_ = failures_.column("id");
  AttrNumber created_at_ = failures_.column("created_at");
  AttrNumber action_ = failures_.column("action");
  AttrNumber message_ = failures_.column("message");
};
static_assert(std::is_trivially_destructible_v<FailureScan>);

}  // namespace prebuilds::reconciler
