// What a sweep reads of every configuration: by two look-ups for each template, without an executor, which
// would have to begin two scans for each.
#include "reconciler/active_presets.hpp"

#include "pg/result_set.hpp"
#include "pg/table_scan.hpp"
#include "reconciler/active_version.hpp"
#include "reconciler/demand.hpp"

namespace prebuilds::reconciler {

namespace {

// The three tables, and the columns that matter. Only inside of call().
class Sources {
 public:
  void read(std::vector<ActivePreset> &found) {
    while (templates_.next()) {
      CHECK_FOR_INTERRUPTS();
      const auto version = active_version_.read(templates_);
      if (!version) continue;
      versions_.start(*version);
      // It may be of another template, or gone: nothing holds active_version_id to what there is.
      if (!versions_.next() ||
          pg::to_uuid(versions_.value(template_id_)) != pg::to_uuid(templates_.value(id_)))
        continue;
      presets_.start(*version);
      while (presets_.next())
        found.push_back({pg::to_uuid(presets_.value(preset_id_)), demand_.read(presets_)});
    }
    templates_.end();
    versions_.end();
    presets_.end();
  }

 private:
  pg::TableScan templates_{"templates"};
  AttrNumber id_ = templates_.column("id");
  ActiveVersionReader active_version_{templates_};

  pg::IndexScan versions_{"template_versions", "template_versions_pkey"};
  AttrNumber template_id_ = versions_.column("template_id");

  // By this index only those that have prebuilds.
  pg::IndexScan presets_{"template_version_presets", "template_version_presets_prebuilds_idx"};
  AttrNumber preset_id_ = presets_.column("id");
  DemandReader demand_{presets_};
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
