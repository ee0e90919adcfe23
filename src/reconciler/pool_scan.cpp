#include "reconciler/pool_scan.hpp"

#include "marks/lists.hpp"
#include "reconciler/configuration_scan.hpp"

namespace prebuilds::reconciler {

namespace {

// The four tables, and the columns that matter. Only inside of call().
class Sources {
 public:
  void close() {
    configurations_.end();
    prebuilds_.end();
  }

  ScannedPool scan(const Pool &pool) {
    ScannedPool scanned{pool, {}, core::after_all, {}, {}};
    if (configurations_.find(pool.preset)) {
      scanned.organization = configurations_.organization();
      if (configurations_.activity() == core::Activity::active) scanned.demand = configurations_.demand();
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
  ConfigurationScan configurations_;

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
