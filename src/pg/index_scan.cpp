#include "pg/index_scan.hpp"

#include "pg/compat.hpp"

namespace prebuilds::pg {

namespace {

SqlError unexpected(TM_Result result) {
  return {ERRCODE_INTERNAL_ERROR,
          "unexpected result " + std::to_string(static_cast<int>(result)) + " of a row lock"};
}

}  // namespace

IndexScanDesc IndexScan::begin(int key_count) {
  return index_beginscan_compat(table_, index_, GetActiveSnapshot(), key_count);
}

TM_Result IndexScan::lock(LockWaitPolicy wait, LockTupleMode mode, int flags) {
  ItemPointerData at = slot_->tts_tid;
  TM_FailureData failure;
  return table_tuple_lock(table_, &at, GetActiveSnapshot(), slot_, GetCurrentCommandId(true), mode, wait,
                          TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS | flags, &failure);
}

bool IndexScan::lock_for_update() {
  const TM_Result locked = lock(LockWaitBlock, LockTupleExclusive, TUPLE_LOCK_FLAG_FIND_LAST_VERSION);
  if (locked != TM_Ok && locked != TM_Deleted) throw unexpected(locked);
  return locked == TM_Ok;
}

RowLock IndexScan::lock_like_select(LockWaitPolicy wait, LockTupleMode mode) {
  PreventCommandIfReadOnly(mode == LockTupleKeyShare ? "SELECT FOR KEY SHARE" : "SELECT FOR UPDATE");
  const bool old_snapshot = IsolationUsesXactSnapshot();
  const TM_Result locked = lock(wait, mode, old_snapshot ? 0 : TUPLE_LOCK_FLAG_FIND_LAST_VERSION);
  switch (locked) {
    case TM_Ok: return RowLock::taken;
    case TM_WouldBlock: return RowLock::others;
    case TM_SelfModified: return RowLock::gone;  // by a command that is not counted yet
    case TM_Updated:
    case TM_Deleted:
      if (!old_snapshot || wait == LockWaitSkip) return RowLock::gone;
      throw SqlError(ERRCODE_T_R_SERIALIZATION_FAILURE,
                     locked == TM_Updated ? "could not serialize access due to concurrent update"
                                          : "could not serialize access due to concurrent delete");
    default: throw unexpected(locked);
  }
}

}  // namespace prebuilds::pg
