// The library as PostgreSQL loads it.
#include "pg/boundary.hpp"
#include "pg/compat.hpp"
#include "pg/gucs.hpp"
#include "worker/worker.hpp"

extern "C" {

PG_MODULE_MAGIC_EXT(.name = "pg_prebuilds", .version = PREBUILDS_VERSION);

PGDLLEXPORT void _PG_init(void);

void _PG_init(void) {
  prebuilds::pg::entry([] {
    prebuilds::pg::guc::define();
    // Loaded later, the functions work without a launcher; pg_upgrade wants nothing to run.
    if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
      prebuilds::worker::register_preloaded();
    return Datum{0};
  });
}

}  // extern "C"
