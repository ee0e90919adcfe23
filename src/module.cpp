// The library as PostgreSQL loads it.
#include "pg/boundary.hpp"
#include "pg/gucs.hpp"

extern "C" {

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void) noexcept;

void _PG_init(void) noexcept {
  prebuilds::pg::entry([] {
    prebuilds::pg::guc::define();
    return Datum{0};
  });
}

}  // extern "C"
