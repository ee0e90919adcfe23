// A sweep counts all prebuilds there are: all pools by one scan of the table, for which an executor with an
// aggregate takes three times as long. The aggregate prebuilds.count_prebuilds() counts single pools, by
// index.
#include "reconciler/count_prebuilds.hpp"

#include "pg/index_scan.hpp"
#include "pg/result_set.hpp"
#include "pg/table_scan.hpp"

namespace prebuilds::reconciler {

std::unordered_map<core::Uuid, Counted, HashUuid> count_pools() {
  std::unordered_map<core::Uuid, Counted, HashUuid> pools;
  const Oid table = pg::relation_oid("live_prebuilds");
  pg::call([&] {
    pg::TableScan live(table);
    const AttrNumber preset_id = live.column("preset_id");
    const AttrNumber created_at = live.column("created_at");
    const AttrNumber state = live.column("state");
    while (live.next()) {
      CHECK_FOR_INTERRUPTS();
      bool no_preset = false, no_state = false;
      const Datum counts_as = live.value(state, &no_state);  // and with it all columns before
      const Datum preset = live.value(preset_id, &no_preset);
      if (no_preset) continue;
      pools[pg::to_uuid(preset)].add(no_state ? '\0' : DatumGetChar(counts_as),
                                     DatumGetTimestampTz(live.value(created_at)));
    }
    live.end();
  });
  return pools;
}

}  // namespace prebuilds::reconciler

using namespace prebuilds;
using reconciler::Counted;

namespace {

Counted *begin_counting(FunctionCallInfo fcinfo) {
  MemoryContext context = nullptr;
  if (!AggCheckCallContext(fcinfo, &context))
    throw pg::SqlError(ERRCODE_INTERNAL_ERROR, "a step of an aggregate was called by itself");
  return pg::call([&] { return new (MemoryContextAlloc(context, sizeof(Counted))) Counted; });
}

// prebuilds.pool_counts, looked up once for all groups.
TupleDesc result_type(FunctionCallInfo fcinfo) {
  FmgrInfo *function = fcinfo->flinfo;
  if (function->fn_extra == nullptr) {
    pg::call([&] {
      const MemoryContext caller = MemoryContextSwitchTo(function->fn_mcxt);
      TupleDesc type = nullptr;
      get_call_result_type(fcinfo, nullptr, &type);
      function->fn_extra = BlessTupleDesc(type);
      MemoryContextSwitchTo(caller);
    });
  }
  return static_cast<TupleDesc>(function->fn_extra);
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_count_prebuilds_accum);
PG_FUNCTION_INFO_V1(prebuilds_count_prebuilds_final);
PG_FUNCTION_INFO_V1(prebuilds_count_pools);

// prebuilds.count_prebuilds_accum(counted internal, state "char", created_at timestamptz) returns internal
PGDLLEXPORT Datum prebuilds_count_prebuilds_accum(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    auto *counted =
        PG_ARGISNULL(0) ? begin_counting(fcinfo) : reinterpret_cast<Counted *>(PG_GETARG_POINTER(0));
    const TimestampTz created_at = PG_ARGISNULL(2) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(2);
    counted->add(PG_ARGISNULL(1) ? '\0' : PG_GETARG_CHAR(1), created_at);
    return PointerGetDatum(counted);
  });
}

// prebuilds.count_prebuilds_final(counted internal) returns prebuilds.pool_counts
PGDLLEXPORT Datum prebuilds_count_prebuilds_final(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const bool none = PG_ARGISNULL(0);
    const Counted counted = none ? Counted{} : *reinterpret_cast<Counted *>(PG_GETARG_POINTER(0));
    std::array<Datum, 6> values{Int32GetDatum(counted.running),
                                Int32GetDatum(counted.starting),
                                Int32GetDatum(counted.pending),
                                Int32GetDatum(counted.failed_starts),
                                TimestampTzGetDatum(counted.oldest_running),
                                TimestampTzGetDatum(counted.oldest)};
    std::array<bool, 6> nulls{false, false, false, false, counted.running == 0, none};
    TupleDesc type = result_type(fcinfo);
    return pg::call([&] { return HeapTupleGetDatum(heap_form_tuple(type, values.data(), nulls.data())); });
  });
}

// prebuilds.count_pools() returns table (preset_id uuid, …)
PGDLLEXPORT Datum prebuilds_count_pools(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::ResultSet result(fcinfo);
    for (const auto &[preset, counted] : reconciler::count_pools()) {
      const auto oldest_running =
          counted.running > 0 ? std::optional(pg::Timestamp{counted.oldest_running}) : std::nullopt;
      result.add({preset, counted.running, counted.starting, counted.pending, counted.failed_starts,
                  oldest_running, pg::Timestamp{counted.oldest}});
    }
    return Datum{0};
  });
}

}  // extern "C"
