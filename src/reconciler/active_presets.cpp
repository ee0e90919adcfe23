// What a sweep reads of every configuration: by two look-ups for each template, without an executor, which
// would have to begin two scans for each.
#include "reconciler/active_presets.hpp"

#include "pg/index_scan.hpp"
#include "pg/result_set.hpp"
#include "pg/table_scan.hpp"

namespace prebuilds::reconciler {

namespace {

bool is_empty(Datum text) { return VARSIZE_ANY_EXHDR(DatumGetPointer(text)) == 0; }

// The three tables, and the columns that matter. Only inside of call().
class Sources {
 public:
  void read(std::vector<ActivePreset> &found) {
    while (templates_.next()) {
      CHECK_FOR_INTERRUPTS();
      if (templates_.is_null(active_version_id_) || DatumGetBool(templates_.value(deleted_)) ||
          !is_empty(templates_.value(deprecated_)))
        continue;
      const core::Uuid version = pg::to_uuid(templates_.value(active_version_id_));
      versions_.start(version);
      // It may be of another template, or gone: nothing holds active_version_id to what there is.
      if (!versions_.next() ||
          pg::to_uuid(versions_.value(template_id_)) != pg::to_uuid(templates_.value(id_)))
        continue;
      presets_.start(version);
      while (presets_.next()) found.push_back({pg::to_uuid(presets_.value(preset_id_)), demand()});
    }
    templates_.end();
    versions_.end();
    presets_.end();
  }

 private:
  core::Demand demand() {
    core::Demand demand;
    demand.desired_instances = DatumGetInt32(presets_.value(desired_instances_));
    demand.scheduled = !is_empty(presets_.value(scheduling_timezone_));
    const Oid status = DatumGetObjectId(presets_.value(prebuild_status_));
    demand.prebuild_status = status == healthy_        ? core::PrebuildStatus::healthy
                             : status == hard_limited_ ? core::PrebuildStatus::hard_limited
                                                       : core::PrebuildStatus::validation_failed;
    if (!presets_.is_null(ttl_)) demand.ttl = std::chrono::seconds(DatumGetInt32(presets_.value(ttl_)));
    if (!presets_.is_null(last_invalidated_at_))
      demand.last_invalidated_at = pg::to_instant(DatumGetTimestampTz(presets_.value(last_invalidated_at_)));
    return demand;
  }

  pg::TableScan templates_{pg::relation_oid("templates")};
  AttrNumber id_ = templates_.column("id");
  AttrNumber active_version_id_ = templates_.column("active_version_id");
  AttrNumber deleted_ = templates_.column("deleted");
  AttrNumber deprecated_ = templates_.column("deprecated");

  pg::IndexScan versions_{pg::relation_oid("template_versions"), "template_versions_pkey", 1};
  AttrNumber template_id_ = versions_.column("template_id");

  // By this index only those that have prebuilds.
  pg::IndexScan presets_{pg::relation_oid("template_version_presets"),
                         "template_version_presets_prebuilds_idx", 1};
  AttrNumber preset_id_ = presets_.column("id");
  AttrNumber desired_instances_ = presets_.column("desired_instances");
  AttrNumber scheduling_timezone_ = presets_.column("scheduling_timezone");
  AttrNumber prebuild_status_ = presets_.column("prebuild_status");
  AttrNumber ttl_ = presets_.column("invalidate_after_secs");
  AttrNumber last_invalidated_at_ = presets_.column("last_invalidated_at");
  Oid healthy_ = pg::enum_value(presets_.type(prebuild_status_), "healthy");
  Oid hard_limited_ = pg::enum_value(presets_.type(prebuild_status_), "hard_limited");
};
static_assert(std::is_trivially_destructible_v<Sources>);

}  // namespace

std::vector<ActivePreset> active_presets() {
  std::vector<ActivePreset> found;
  pg::call([&] {
    Sources sources;
    sources.read(found);
  });
  return found;
}

}  // namespace prebuilds::reconciler

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_find_active_presets);

// prebuilds.find_active_presets() returns table (id uuid, desired_instances integer)
PGDLLEXPORT Datum prebuilds_find_active_presets(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::ResultSet result(fcinfo);
    for (const reconciler::ActivePreset &preset : reconciler::active_presets())
      result.add({preset.id, preset.demand.desired_instances});
    return Datum{0};
  });
}

}  // extern "C"
