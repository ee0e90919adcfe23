// Generated columns of prebuilds.provisioner_jobs. PostgreSQL reads the expression of such a column from the
// catalog's text for each statement that writes the table, so it is one call.
#include "core/job_status.hpp"
#include "pg/datum.hpp"

using namespace prebuilds;

namespace {

std::uint64_t hash(const void *bytes, Size size) {
  const auto *first = static_cast<const unsigned char *>(bytes);
  return DatumGetUInt64(hash_any_extended(first, static_cast<int>(size), 0));
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_job_status);
PG_FUNCTION_INFO_V1(prebuilds_queue_key);

// prebuilds.job_status(started_at timestamptz, canceled_at timestamptz, completed_at timestamptz, error text)
// returns prebuilds.provisioner_job_status
PGDLLEXPORT Datum prebuilds_job_status(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::JobTimes times{
        .started = !PG_ARGISNULL(0), .canceled = !PG_ARGISNULL(1), .completed = !PG_ARGISNULL(2)};
    const bool has_error = !PG_ARGISNULL(3) && !pg::is_empty(PG_GETARG_DATUM(3));
    const char *label = core::job_status(times, has_error);
    const Oid status =
        pg::call([&] { return pg::enum_value(get_func_rettype(fcinfo->flinfo->fn_oid), label); });
    if (!OidIsValid(status))
      throw pg::SqlError(ERRCODE_UNDEFINED_OBJECT, std::string("there is no job status \"") + label + "\"");
    return ObjectIdGetDatum(status);
  });
}

// prebuilds.queue_key(organization_id uuid, tags jsonb, provisioner text) returns bigint
PGDLLEXPORT Datum prebuilds_queue_key(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    return pg::call([&] {
      const Jsonb *tags = PG_GETARG_JSONB_P(1);
      const text *provisioner = PG_GETARG_TEXT_PP(2);
      std::uint64_t key = hash(PG_GETARG_UUID_P(0)->data, UUID_LEN);
      key = hash_combine64(key, hash(VARDATA(tags), VARSIZE(tags) - VARHDRSZ));
      key = hash_combine64(key, hash(VARDATA_ANY(provisioner), VARSIZE_ANY_EXHDR(provisioner)));
      return UInt64GetDatum(key);
    });
  });
}

}  // extern "C"
