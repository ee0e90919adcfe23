#include "reconciler/pool_scan.hpp"

#include "marks/lists.hpp"
#include "reconciler/active_version.hpp"
#include "reconciler/demand.hpp"

namespace prebuilds::reconciler {

namespace {

// The four tables, and the columns that matter. Only inside of call().
class Sources {
 public:
  void close() {
    presets_.end();
    versions_.end();
    templates_.end();
    prebuilds_.end();
  }

  ScannedPool scan(const Pool &pool) {
    ScannedPool scanned{pool, {}, core::after_all, {}, {}};
    if (find_configuration(pool.preset)) {
      scanned.organization = pg::to_uuid(templates_.value(organization_id_));
      if (is_active()) scanned.demand = demand_.read(presets_);
    }
    prebuilds_.start(pool.preset, pool.look.from);
    while (const auto place = prebuilds_.next()) {
      CHECK_FOR_INTERRUPTS();
      if (scanned.first == core::after_all) scanned.first = *place;
      pg::IndexScan &row = prebuilds_.row();
      scanned.counted.add(row.is_null(state_) ? '\0' : DatumGetChar(row.value(state_)),
                          DatumGetTimestampTz(row.value(created_at_)));
    }
    return scanned;
  }

 private:
  // The preset, its version and its template; false: it is no prebuild configuration.
  bool find_configuration(const core::Uuid &preset) {
    presets_.start(preset);
    if (!presets_.next() || presets_.is_null(desired_instances_)) return false;
    versions_.start(pg::to_uuid(presets_.value(version_id_)));
    if (!versions_.next()) return false;
    templates_.start(pg::to_uuid(versions_.value(template_id_)));
    return templates_.next();
  }

  // As active_presets() finds them from the templates.
  bool is_active() { return active_version_.read(templates_) == pg::to_uuid(presets_.value(version_id_)); }

  pg::IndexScan presets_{"template_version_presets", "template_version_presets_pkey"};
  AttrNumber version_id_ = presets_.column("template_version_id");
  AttrNumber desired_instances_ = presets_.column("desired_instances");
  DemandReader demand_{presets_};

  pg::IndexScan versions_{"template_versions", "template_versions_pkey"};
  AttrNumber template_id_ = versions_.column("template_id");

  pg::IndexScan templates_{"templates", "templates_pkey"};
  AttrNumber organization_id_ = templates_.column("organization_id");
  ActiveVersionReader active_version_{templates_};

  pg::ListScan prebuilds_{marks::live_prebuilds};
  AttrNumber created_at_ = prebuilds_.row().column("created_at");
  AttrNumber state_ = prebuilds_.row().column("state");
};
static_assert(std::is_trivially_destructible_v<Sources>);

}  // namespace

std::vector<ScannedPool> scan_pools(const std::vector<Pool> &pools) {
  std::vector<ScannedPool> scanned;
  scanned.reserve(pools.size());
  pg::call([&] {
    Sources sources;
    for (const Pool &pool : pools) {
      CHECK_FOR_INTERRUPTS();
      scanned.push_back(sources.scan(pool));
    }
    sources.close();
  });
  return scanned;
}

}  // namespace prebuilds::reconciler
