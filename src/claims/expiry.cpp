#include "core/expiry.hpp"

#include "pg/arguments.hpp"

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_oldest_unexpired);

// prebuilds.oldest_unexpired(last_invalidated_at timestamptz, ttl_seconds integer, now timestamptz)
//   returns timestamptz
PGDLLEXPORT Datum prebuilds_oldest_unexpired(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    if (PG_ARGISNULL(2)) {
      fcinfo->isnull = true;
      return Datum{0};
    }
    const pg::Arguments given(fcinfo);
    std::optional<core::Duration> ttl;
    if (const auto seconds = given.optional_integer(1)) ttl = std::chrono::seconds(*seconds);
    return pg::to_datum(core::oldest_unexpired(ttl, given.optional_instant(0), given.instant(2)));
  });
}

}  // extern "C"
