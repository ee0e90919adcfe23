// Every difference between the supported PostgreSQL versions, under the newest name.
#pragma once

#include "pg/prelude.hpp"

// 18 and later show name and version of a loaded library; what its plain PG_MODULE_MAGIC leaves out, g++
// warns of.
#if PG_VERSION_NUM < 180000
#define PG_MODULE_MAGIC_EXT(...) PG_MODULE_MAGIC
#endif

// Which indexes need an entry for a new version of a row.
#if PG_VERSION_NUM < 160000
enum TU_UpdateIndexes { TU_None, TU_All, TU_Summarizing };
#endif

namespace prebuilds::pg {

inline IndexScanDesc index_beginscan_compat(Relation table, Relation index, Snapshot snapshot, int keys) {
#if PG_VERSION_NUM >= 180000
  return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
  return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

inline bool before_update_triggers_compat(EState *state, EPQState *epq, ResultRelInfo *target, ItemPointer at,
                                          TupleTableSlot *row) {
#if PG_VERSION_NUM >= 180000
  return ExecBRUpdateTriggers(state, epq, target, at, nullptr, row, nullptr, nullptr, false);
#elif PG_VERSION_NUM >= 160000
  return ExecBRUpdateTriggers(state, epq, target, at, nullptr, row, nullptr, nullptr);
#else
  return ExecBRUpdateTriggers(state, epq, target, at, nullptr, row, nullptr);
#endif
}

inline TU_UpdateIndexes tuple_update_compat(Relation table, ItemPointer at, TupleTableSlot *row,
                                            Snapshot snapshot) {
#if PG_VERSION_NUM >= 160000
  TU_UpdateIndexes indexes = TU_None;
  simple_table_tuple_update(table, at, row, snapshot, &indexes);
  return indexes;
#else
  bool all = false;
  simple_table_tuple_update(table, at, row, snapshot, &all);
  return all ? TU_All : TU_None;
#endif
}

inline List *insert_index_tuples_compat(ResultRelInfo *target, TupleTableSlot *row, EState *state,
                                        TU_UpdateIndexes indexes) {
#if PG_VERSION_NUM >= 160000
  return ExecInsertIndexTuples(target, row, state, /* update = */ true, false, nullptr, NIL,
                               indexes == TU_Summarizing);
#else
  (void)indexes;
  return ExecInsertIndexTuples(target, row, state, /* update = */ true, false, nullptr, NIL);
#endif
}

inline bool database_ownercheck(Oid database, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(DatabaseRelationId, database, role);
#else
  return pg_database_ownercheck(database, role);
#endif
}

inline bool extension_ownercheck(Oid extension, Oid role) {
#if PG_VERSION_NUM >= 160000
  return object_ownercheck(ExtensionRelationId, extension, role);
#else
  return pg_extension_ownercheck(extension, role);
#endif
}

// What pg_stat_activity shows as wait_event; before 17 all extensions share one.
inline uint32 wait_event(const char *name) {
#if PG_VERSION_NUM >= 170000
  return WaitEventExtensionNew(name);
#else
  (void)name;
  return PG_WAIT_EXTENSION;
#endif
}

}  // namespace prebuilds::pg
