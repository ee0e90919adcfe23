#include "pg/index_scan.hpp"

#include "pg/compat.hpp"

namespace prebuilds::pg {

Oid relation_oid(const char *name) {
  const Oid oid =
      call([&] { return get_relname_relid(name, get_namespace_oid("prebuilds", /* missing_ok = */ false)); });
  if (!OidIsValid(oid))
    throw SqlError(ERRCODE_UNDEFINED_TABLE,
                   std::string("relation \"prebuilds.") + name + "\" does not exist");
  return oid;
}

IndexScanDesc IndexScan::begin(int key_count) {
  return index_beginscan_compat(table_, index_, GetActiveSnapshot(), key_count);
}

bool IndexScan::lock_for_update() {
  ItemPointerData at = slot_->tts_tid;
  TM_FailureData failure;
  const TM_Result locked = table_tuple_lock(
      table_, &at, GetActiveSnapshot(), slot_, GetCurrentCommandId(true), LockTupleExclusive, LockWaitBlock,
      TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS | TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
  if (locked != TM_Ok && locked != TM_Deleted)
    throw SqlError(ERRCODE_INTERNAL_ERROR,
                   "unexpected result " + std::to_string(static_cast<int>(locked)) + " of a row lock");
  return locked == TM_Ok;
}

}  // namespace prebuilds::pg
