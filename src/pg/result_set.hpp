// The rows that a set-returning function gives back.
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::pg {

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
