// A sweep counts all prebuilds there are, for which an executor with an aggregate takes three times as long.
#include "reconciler/count_prebuilds.hpp"

#include "pg/result_set.hpp"
#include "pg/table_scan.hpp"

namespace prebuilds::reconciler {

std::unordered_map<core::Uuid, Counted, HashUuid> count_pools() {
  std::unordered_map<core::Uuid, Counted, HashUuid> pools;
  pg::call([&] {
    pg::TableScan live("live_prebuilds");
    const AttrNumber preset_id = live.column("preset_id");
    const AttrNumber created_at = live.column("created_at");
    const AttrNumber state = live.column("state");
    while (live.next()) {
      CHECK_FOR_INTERRUPTS();
      bool no_preset = false, no_state = false;
      const Datum counts_as = live.value(state, &no_state);  // and with it all columns before
      const Datum preset = live.value(preset_id, &no_preset);
      if (no_preset) continue;
      pools[pg::to_uuid(preset)].add(no_state ? '\0' : DatumGetChar(counts_as),
                                     DatumGetTimestampTz(live.value(created_at)));
    }
    live.end();
  });
  return pools;
}

}  // namespace prebuilds::reconciler

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_count_pools);

// prebuilds.count_pools() returns table (preset_id uuid, …)
PGDLLEXPORT Datum prebuilds_count_pools(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::ResultSet result(fcinfo);
    for (const auto &[preset, counted] : reconciler::count_pools()) {
      const auto oldest_running =
          counted.running > 0 ? std::optional(pg::Timestamp{counted.oldest_running}) : std::nullopt;
      result.add({preset, counted.running, counted.starting, counted.pending, counted.failed_starts,
                  oldest_running, pg::Timestamp{counted.oldest}});
    }
    return Datum{0};
  });
}

}  // extern "C"
