// Where pools and queues begin, as SQL sees it: the first entry of a list, looked up from its mark.
#include "marks/marks.hpp"
#include "pg/probe.hpp"
#include "pg/result_set.hpp"

using namespace prebuilds;

namespace {

constexpr pg::ListIndex claimable("live_prebuilds", "live_prebuilds_claim_idx", "workspace_id");
constexpr pg::ListIndex pending("provisioner_jobs", "provisioner_jobs_pending_idx", "id");

// The first entry of a list from a place on; `read` reads it. Under a snapshot of its own, taken after the
// mark was looked at, which shows what other sessions have locked.
template <class Read>
Datum head(FunctionCallInfo fcinfo, const marks::List &list, const core::Place &from, Read read) {
  pg::ResultSet result(fcinfo);
  const marks::Look look = marks::look(list);
  if (look.from == core::after_all) return Datum{0};
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  const std::optional<core::Place> first = read(std::max(from, look.from));
  pg::call([] { PopActiveSnapshot(); });
  if (from <= look.from) marks::found(list, look, first.value_or(core::after_all));
  if (first) result.add({first->created_at, first->id});
  return Datum{0};
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_pool_head);
PG_FUNCTION_INFO_V1(prebuilds_queue_head);

// prebuilds.pool_head(preset_id uuid) returns table (created_at timestamptz, id uuid)
PGDLLEXPORT Datum prebuilds_pool_head(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid preset = pg::to_uuid(PG_GETARG_DATUM(0));
    return head(fcinfo, marks::pool(preset), core::before_all,
                [&](const core::Place &from) { return claimable.first(preset, from); });
  });
}

// prebuilds.queue_head(queue_key bigint, class integer, from_created_at timestamptz, from_id uuid)
// returns table (created_at timestamptz, id uuid)
PGDLLEXPORT Datum prebuilds_queue_head(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const std::int64_t queue_key = PG_GETARG_INT64(0);
    const int job_class = PG_GETARG_INT32(1);
    const core::Place from = PG_ARGISNULL(2) ? core::before_all
                                             : core::Place{pg::to_instant(PG_GETARG_TIMESTAMPTZ(2)),
                                                           pg::to_uuid(PG_GETARG_DATUM(3))};
    return head(fcinfo, marks::queue(queue_key, job_class == 1), from,
                [&](const core::Place &place) { return pending.first(queue_key, job_class, place); });
  });
}

}  // extern "C"
