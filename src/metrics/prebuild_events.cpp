// Claims and misses, as they are recorded.
#include "pg/table_writer.hpp"

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_record_event);

// prebuilds.record_event(preset_id uuid, event_type prebuilds.prebuild_event_type, at timestamptz)
// returns uuid
PGDLLEXPORT Datum prebuilds_record_event(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid preset = pg::to_uuid(PG_GETARG_DATUM(0));
    const std::string type = pg::to_string(PG_GETARG_DATUM(1));
    const core::Instant at = pg::to_instant(PG_GETARG_TIMESTAMPTZ(2));
    const core::Uuid id = pg::make_uuid_v7(at);
    const bool folded = false;
    pg::call([&] {
      pg::TableWriter writer("prebuild_events");
      writer.insert(std::array<pg::Param, 5>{id, at, preset, type, folded});
      writer.end();
    });
    return pg::to_datum(id);
  });
}

}  // extern "C"
