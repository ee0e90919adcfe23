// What functions give back that do not return a single value.
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::pg {

// The row of a function that returns a composite type or has several OUT parameters.
template <std::size_t columns>
Datum result_row(FunctionCallInfo fcinfo, const std::array<Param, columns> &row) {
  std::array<Datum, columns> values;
  std::array<bool, columns> nulls;
  for (std::size_t i = 0; i < columns; i++) {
    values[i] = row[i].value;
    nulls[i] = row[i].null;
  }
  return call([&] {
    TupleDesc type = nullptr;
    get_call_result_type(fcinfo, nullptr, &type);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(type), values.data(), nulls.data()));
  });
}

// The rows that a set-returning function gives back.
class ResultSet {
 public:
  // The function is declared RETURNS TABLE.
  explicit ResultSet(FunctionCallInfo fcinfo);

  // One row; the columns in the order of the declaration.
  void add(std::initializer_list<Param> columns);

 private:
  ReturnSetInfo *result_;
};

}  // namespace prebuilds::pg
