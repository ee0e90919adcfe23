// What the row locks have in common. The API locks rows by index before it changes them: to start an executor
// for each would take longer than all of it.
#pragma once

#include "pg/index_scan.hpp"

namespace prebuilds::row_locks {

// A snapshot as a statement would have that begins now. Only inside of call().
inline void push_statement_snapshot() { PushActiveSnapshot(GetTransactionSnapshot()); }

// A value of the composite type that an SQL function returns.
template <std::size_t columns>
Datum to_result(FunctionCallInfo fcinfo, std::array<Datum, columns> values,
                std::array<bool, columns> nulls = {}) {
  return pg::call([&] {
    TupleDesc type = nullptr;
    get_call_result_type(fcinfo, nullptr, &type);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(type), values.data(), nulls.data()));
  });
}

}  // namespace prebuilds::row_locks
