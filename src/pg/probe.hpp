// One row by the key of a unique index on a uuid or bigint column, or any row by the first column of one on several. Read
// without SPI: about a microsecond, for triggers that must tell whether a row concerns us at all.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::pg {

class UniqueIndex {
 public:
  // Names within schema prebuilds. `column` is the uuid column that find() returns.
  constexpr UniqueIndex(const char *table, const char *index, const char *column)
      : table_(table), index_(index), column_(column) {}

  // Under the active snapshot; none if there is no such row, or the column is NULL.
  std::optional<core::Uuid> find(const core::Uuid &key) const;
  std::optional<core::Uuid> find(std::int64_t key) const;

 private:
  std::optional<core::Uuid> find(RegProcedure equals, Datum key) const;

  const char *table_;
  const char *index_;
  const char *column_;
};

}  // namespace prebuilds::pg
