#include "metrics/prebuild_events.hpp"

#include "pg/index_scan.hpp"
#include "pg/table_writer.hpp"

namespace prebuilds::metrics {

void record_event(const core::Uuid &preset, std::string_view type, pg::Timestamp at) {
  const core::Uuid id = pg::make_uuid_v7(pg::to_instant(at.value));
  const bool folded = false;
  pg::call([&] {
    pg::push_statement_snapshot();  // for what triggers and defaults of others read
    pg::TableWriter writer("prebuild_events");
    writer.insert(std::array<pg::Param, 5>{id, at, preset, type, folded});
    writer.end();
    PopActiveSnapshot();
  });
}

}  // namespace prebuilds::metrics
