// Where pools and queues begin, as SQL sees it: the first entry of a list, looked up from its mark.
#include "marks/marks.hpp"
#include "pg/datum.hpp"

using namespace prebuilds;

namespace {

// The first entry of a list from a place on. Under a snapshot of its own, taken after the mark was looked at,
// which shows what other sessions have locked.
std::optional<core::Place> head(const marks::List &list, const core::Place &from) {
  const marks::Look look = marks::look(list);
  if (look.from == core::after_all) return std::nullopt;
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  const std::optional<core::Place> first = marks::first_entry(list, std::max(from, look.from));
  pg::call([] { PopActiveSnapshot(); });
  if (from <= look.from) marks::found(list, look, first.value_or(core::after_all));
  return first;
}

// A value of the composite type that the function returns, without a NULL in it.
template <std::size_t columns>
Datum to_result(FunctionCallInfo fcinfo, std::array<Datum, columns> values) {
  return pg::call([&] {
    TupleDesc type = nullptr;
    get_call_result_type(fcinfo, nullptr, &type);
    bool nulls[columns] = {};
    return HeapTupleGetDatum(heap_form_tuple(type, values.data(), nulls));
  });
}

Datum null_result(FunctionCallInfo fcinfo) {
  fcinfo->isnull = true;
  return Datum{0};
}

// prebuilds.queue_head
struct QueueHead {
  std::int64_t queue_key;
  int job_class;
  core::Place first;
  core::Place before;
};

// Where to look on after a queue's head: where that one ended.
struct Start {
  int job_class = 0;
  core::Place from = core::before_all;
};
Start start_after(Datum head) {
  const auto column = [&](AttrNumber number) {
    return pg::call([&] {
      bool null = false;
      return GetAttributeByNum(DatumGetHeapTupleHeader(head), number, &null);
    });
  };
  return {DatumGetInt32(column(2)), {pg::to_instant(DatumGetTimestampTz(column(5))), pg::to_uuid(column(6))}};
}

// The oldest head, and the place of the next one; a key may come more than once.
std::optional<QueueHead> oldest(std::span<const std::int64_t> queue_keys, const Start &start) {
  std::optional<QueueHead> result;
  for (const std::int64_t key : queue_keys) {
    if (result && key == result->queue_key) continue;
    const auto place = head(marks::queue(key, start.job_class == 1), start.from);
    if (!place) continue;
    if (!result || *place < result->first)
      result = {key, start.job_class, *place, result ? result->first : core::after_all};
    else
      result->before = std::min(result->before, *place);
  }
  return result;
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_find_pool_head);
PG_FUNCTION_INFO_V1(prebuilds_find_queue_head);

// prebuilds.find_pool_head(preset_id uuid, oldest timestamptz) returns prebuilds.pool_head
PGDLLEXPORT Datum prebuilds_find_pool_head(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid preset = pg::to_uuid(PG_GETARG_DATUM(0));
    const core::Place oldest{pg::to_instant(PG_GETARG_TIMESTAMPTZ(1)), {}};
    // From the pool's beginning: a mark is raised only by who has seen all that comes after it.
    const auto first = head(marks::pool(preset), core::before_all);
    if (!first) return null_result(fcinfo);
    const core::Place place = std::max(*first, oldest);
    return to_result(fcinfo, std::array{pg::to_datum(place.created_at), pg::to_datum(place.id)});
  });
}

// prebuilds.find_queue_head(queue_keys bigint[], after prebuilds.queue_head) returns prebuilds.queue_head
PGDLLEXPORT Datum prebuilds_find_queue_head(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const std::vector<std::int64_t> queue_keys = pg::to_bigints(PG_GETARG_DATUM(0));
    const Start start = PG_ARGISNULL(1) ? Start{} : start_after(PG_GETARG_DATUM(1));
    std::optional<QueueHead> found = oldest(queue_keys, start);
    if (!found && start.job_class == 0) found = oldest(queue_keys, {1, core::before_all});
    if (!found) return null_result(fcinfo);
    return to_result(fcinfo,
                     std::array{Int64GetDatum(found->queue_key), Int32GetDatum(found->job_class),
                                pg::to_datum(found->first.created_at), pg::to_datum(found->first.id),
                                pg::to_datum(found->before.created_at), pg::to_datum(found->before.id)});
  });
}

}  // extern "C"
