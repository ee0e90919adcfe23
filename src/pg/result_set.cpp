#include "pg/result_set.hpp"

namespace prebuilds::pg {

ResultSet::ResultSet(FunctionCallInfo fcinfo)
    : result_(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo)) {
  // The caller knows the columns already.
  call([&] { InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC); });
}

void ResultSet::add(std::initializer_list<Param> columns) {
  std::array<Datum, 32> values;
  std::array<bool, 32> nulls;
  if (static_cast<int>(columns.size()) != result_->setDesc->natts)
    throw SqlError(ERRCODE_INTERNAL_ERROR,
                   "function returns " + std::to_string(columns.size()) + " columns, " +
                       std::to_string(result_->setDesc->natts) + " are declared",
                   {}, "Run ALTER EXTENSION pg_prebuilds UPDATE.");
  std::size_t n = 0;
  for (const Param &column : columns) {
    values[n] = column.value;
    nulls[n++] = column.null;
  }
  call([&] { tuplestore_putvalues(result_->setResult, result_->setDesc, values.data(), nulls.data()); });
}

}  // namespace prebuilds::pg
