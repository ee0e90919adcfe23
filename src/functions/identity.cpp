// Who calls and where, and ids for what is written.
#include "pg/datum.hpp"

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_uuid_v7);
PG_FUNCTION_INFO_V1(prebuilds_caller);
PG_FUNCTION_INFO_V1(prebuilds_this_database);

// prebuilds.uuid_v7(now timestamptz) returns uuid
PGDLLEXPORT Datum prebuilds_uuid_v7(PG_FUNCTION_ARGS) {
  return pg::entry([&] { return pg::to_datum(pg::make_uuid_v7(pg::to_instant(PG_GETARG_TIMESTAMPTZ(0)))); });
}

// prebuilds.caller() returns oid: the role outside of every SECURITY DEFINER function
PGDLLEXPORT Datum prebuilds_caller(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  return pg::entry([] { return ObjectIdGetDatum(GetOuterUserId()); });
}

// prebuilds.this_database() returns oid
PGDLLEXPORT Datum prebuilds_this_database(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  return pg::entry([] { return ObjectIdGetDatum(MyDatabaseId); });
}

}  // extern "C"
