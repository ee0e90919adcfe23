// What the row locks have in common. The API locks rows by index before it changes them: to start an executor
// for each would take longer than all of it.
#pragma once

#include "pg/index_scan.hpp"
#include "pg/result_set.hpp"

namespace prebuilds::row_locks {

// A snapshot as a statement would have that begins now. Only inside of call().
inline void push_statement_snapshot() { PushActiveSnapshot(GetTransactionSnapshot()); }

// A value of a composite type, column by column; NULL where nothing is set.
template <std::size_t columns>
class Composite {
 public:
  void set(std::size_t column, Datum value) {
    values_[column] = value;
    nulls_[column] = false;
  }
  // From a row's column of the same meaning. Only inside of call().
  void take(std::size_t column, pg::IndexScan &row, const char *name) {
    if (const auto value = row.copy(name)) set(column, *value);
  }
  // As the result of a function of this type.
  Datum result(FunctionCallInfo fcinfo) const { return pg::result_row(fcinfo, values_, nulls_); }

 private:
  static constexpr std::array<bool, columns> all_null() {
    std::array<bool, columns> nulls{};
    nulls.fill(true);
    return nulls;
  }

  std::array<Datum, columns> values_{};
  std::array<bool, columns> nulls_ = all_null();
};

}  // namespace prebuilds::row_locks
