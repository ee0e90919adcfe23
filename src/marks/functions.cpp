// Where pools and queues begin, as SQL sees it: the first entry of a list, looked up from its mark.
#include "marks/marks.hpp"
#include "pg/probe.hpp"

using namespace prebuilds;

namespace {

constexpr pg::ListIndex claimable("live_prebuilds", "live_prebuilds_claim_idx", "workspace_id");
constexpr pg::ListIndex pending("provisioner_jobs", "provisioner_jobs_pending_idx", "id");

// A value of prebuilds.place, which the function returns; or NULL.
Datum to_result(FunctionCallInfo fcinfo, const std::optional<core::Place> &place) {
  if (!place) {
    fcinfo->isnull = true;
    return Datum{0};
  }
  Datum values[] = {pg::to_datum(place->created_at), pg::to_datum(place->id)};
  return pg::call([&] {
    TupleDesc type = nullptr;
    get_call_result_type(fcinfo, nullptr, &type);
    bool nulls[] = {false, false};
    return HeapTupleGetDatum(heap_form_tuple(type, values, nulls));
  });
}

// The first entry of a list from a place on; `read` reads it. Under a snapshot of its own, taken after the
// mark was looked at, which shows what other sessions have locked.
template <class Read>
std::optional<core::Place> head(const marks::List &list, const core::Place &from, Read read) {
  const marks::Look look = marks::look(list);
  if (look.from == core::after_all) return std::nullopt;
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  const std::optional<core::Place> first = read(std::max(from, look.from));
  pg::call([] { PopActiveSnapshot(); });
  if (from <= look.from) marks::found(list, look, first.value_or(core::after_all));
  return first;
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_pool_head);
PG_FUNCTION_INFO_V1(prebuilds_queue_head);

// prebuilds.pool_head(preset_id uuid, from_created_at timestamptz) returns prebuilds.place
PGDLLEXPORT Datum prebuilds_pool_head(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid preset = pg::to_uuid(PG_GETARG_DATUM(0));
    const core::Place from{pg::to_instant(PG_GETARG_TIMESTAMPTZ(1)), {}};
    return to_result(fcinfo, head(marks::pool(preset), from, [&](const core::Place &place) {
                       return claimable.first(preset, place);
                     }));
  });
}

// prebuilds.queue_head(queue_key bigint, class integer, from_created_at timestamptz, from_id uuid)
// returns prebuilds.place
PGDLLEXPORT Datum prebuilds_queue_head(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const std::int64_t queue_key = PG_GETARG_INT64(0);
    const int job_class = PG_GETARG_INT32(1);
    const core::Place from = PG_ARGISNULL(2) ? core::before_all
                                             : core::Place{pg::to_instant(PG_GETARG_TIMESTAMPTZ(2)),
                                                           pg::to_uuid(PG_GETARG_DATUM(3))};
    return to_result(fcinfo, head(marks::queue(queue_key, job_class == 1), from, [&](const core::Place &place) {
                       return pending.first(queue_key, job_class, place);
                     }));
  });
}

}  // extern "C"
