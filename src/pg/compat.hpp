// Every difference between the supported PostgreSQL versions, under the newest name.
#pragma once

#include "pg/prelude.hpp"

namespace prebuilds::pg {

inline IndexScanDesc index_beginscan_compat(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
  return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
  return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

}  // namespace prebuilds::pg
