// The aggregate prebuilds.count_prebuilds().
#include "pg/boundary.hpp"

using namespace prebuilds;

namespace {

struct Counted {
  int running = 0;
  int starting = 0;
  int pending = 0;
  int failed_starts = 0;
  TimestampTz oldest_running = DT_NOEND;
  TimestampTz oldest = DT_NOEND;
};

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

// prebuilds.count_prebuilds_accum(counted internal, state "char", created_at timestamptz) returns internal
PGDLLEXPORT Datum prebuilds_count_prebuilds_accum(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    auto *counted =
        PG_ARGISNULL(0) ? begin_counting(fcinfo) : reinterpret_cast<Counted *>(PG_GETARG_POINTER(0));
    const TimestampTz created_at = PG_ARGISNULL(2) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(2);
    counted->oldest = std::min(counted->oldest, created_at);
    switch (PG_ARGISNULL(1) ? '\0' : PG_GETARG_CHAR(1)) {
      case 'r':
        counted->running++;
        counted->oldest_running = std::min(counted->oldest_running, created_at);
        break;
      case 'p': counted->pending++; [[fallthrough]];
      case 's': counted->starting++; break;
      case 'f': counted->failed_starts++; break;
    }
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

}  // extern "C"
