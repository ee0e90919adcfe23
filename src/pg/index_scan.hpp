// Rows of a table by an index, read without SPI: about a microsecond each, where many single rows are looked
// up and to start an executor for each would take longer than to read it. Only inside of call().
#pragma once

#include "pg/relation.hpp"
#include "pg/spi.hpp"

namespace prebuilds::pg {

// A snapshot as a statement of the transaction would have that begins now: it sees all that the transaction
// has written, the statement that calls us included. Only inside of call().
inline void push_statement_snapshot() {
  CommandCounterIncrement();
  PushActiveSnapshot(GetTransactionSnapshot());
}

enum class RowLock { taken, others, gone };  // ours; somebody else's; there is no such row any more

// Conditions of a scan on columns of its index, counted from 1. What they point to has to live as long as the
// scan.
inline ScanKeyData uuid_key(AttrNumber column, const core::Uuid &value) {
  ScanKeyData key;
  ScanKeyInit(&key, column, BTEqualStrategyNumber, F_UUID_EQ, PointerGetDatum(value.bytes.data()));
  return key;
}
inline ScanKeyData bigint_key(AttrNumber column, std::int64_t value) {
  ScanKeyData key;
  ScanKeyInit(&key, column, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(value));
  return key;
}
inline ScanKeyData text_key(AttrNumber column, Datum value) {
  ScanKeyData key;
  ScanKeyEntryInitialize(&key, 0, column, BTEqualStrategyNumber, TEXTOID, DEFAULT_COLLATION_OID, F_TEXTEQ,
                         value);
  return key;
}
// At that instant or later.
inline ScanKeyData since_key(AttrNumber column, core::Instant since) {
  ScanKeyData key;
  ScanKeyInit(&key, column, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, to_datum(since));
  return key;
}

// A table, opened with one of its indexes for any number of scans under the active snapshot, one after the
// other. There is no destructor: an error leaves everything to the transaction's abort.
class IndexScan {
 public:
  // Names within schema prebuilds. The index is looked up once the table is locked: while REINDEX
  // CONCURRENTLY runs, a name may mean another one a moment later.
  IndexScan(const char *table, const char *index, int key_count = 1, LOCKMODE lock = AccessShareLock)
      : table_(table_open(relation_oid(table), lock)),
        index_(index_open(relation_oid(index), AccessShareLock)),
        slot_(table_slot_create(table_, nullptr)),
        scan_(begin(key_count)),
        key_count_(key_count) {}

  AttrNumber column(const char *name) const { return column_number(RelationGetDescr(table_), name); }
  Form_pg_attribute attribute(AttrNumber column) const {
    return TupleDescAttr(RelationGetDescr(table_), column - 1);
  }
  Oid type(AttrNumber column) const { return attribute(column)->atttypid; }

  // What the keys point to has to live as long as the scan.
  void start(ScanKeyData *keys) { index_rescan(scan_, keys, key_count_, nullptr, 0); }
  // For an index whose first column is a uuid, the only key.
  void start(const core::Uuid &key) {
    key_ = key;  // the scan reads it as long as it goes on
    ScanKeyData equal = uuid_key(1, key_);
    start(&equal);
  }
  bool next(ScanDirection direction = ForwardScanDirection) {
    return index_getnext_slot(scan_, direction, slot_);
  }

  // Of the row that next() found.
  Datum value(AttrNumber column, bool *null) { return slot_getattr(slot_, column, null); }
  bool is_null(AttrNumber column) { return slot_attisnull(slot_, column); }
  // Of a column that is never NULL.
  Datum value(AttrNumber column) {
    bool null = false;
    return slot_getattr(slot_, column, &null);
  }
  Datum value(const char *name) { return value(column(name)); }
  core::Uuid uuid(const char *name) { return to_uuid(value(name)); }

  // Whether this transaction has inserted it and not changed it since: nobody else has seen it.
  bool is_ours_alone() {
    bool copied = false;
    const HeapTupleHeader row = ExecFetchSlotHeapTuple(slot_, /* materialize = */ false, &copied)->t_data;
    return (row->t_infomask & HEAP_UPDATED) == 0 &&
           TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row));
  }
  // Where the row is, in the version that was found or locked.
  const ItemPointerData &at() const { return slot_->tts_tid; }
  // The same in palloc'd memory, none of it stored elsewhere; none if it is NULL.
  std::optional<AsIs> copy(const char *name) {
    const AttrNumber number = column(name);
    bool null = false;
    const Datum found = value(number, &null);
    if (null) return std::nullopt;
    if (attribute(number)->attlen == -1) return AsIs{PointerGetDatum(PG_DETOAST_DATUM_COPY(found))};
    return AsIs{datumCopy(found, attribute(number)->attbyval, attribute(number)->attlen)};
  }

  // The whole row as a value of the table's type, in palloc'd memory.
  Datum copy() { return ExecFetchSlotHeapTupleDatum(slot_); }
  // The whole row; valid until the next one is looked for.
  Row row() {
    slot_getallattrs(slot_);
    return {slot_->tts_values, slot_->tts_isnull, slot_->tts_tupleDescriptor->natts};
  }

  // Locks the row that next() found against all changes, after a wait for whoever is changing it, and goes
  // over to its latest version, whatever the snapshot. False: it has been deleted. Needs RowShareLock.
  bool lock_for_update();
  // The same as SELECT … FOR UPDATE, or of another mode, does it, so in REPEATABLE READ and above not if the
  // row has changed since the snapshot: error 40001. With LockWaitSkip nobody waits, and such a row is gone.
  // A row that was changed before the lock may be another one than was looked for. Error 25006 in a read-only
  // transaction, as all are on a standby.
  RowLock lock_like_select(LockWaitPolicy wait, LockTupleMode mode = LockTupleExclusive);
  // Deletes a locked row, which stays visible until the next command. Triggers do not fire. Needs
  // RowExclusiveLock.
  void remove() { simple_table_tuple_delete(table_, &slot_->tts_tid, GetActiveSnapshot()); }

  void end() {
    index_endscan(scan_);
    ExecDropSingleTupleTableSlot(slot_);
    index_close(index_, NoLock);  // locks go with the transaction, as the executor's do
    table_close(table_, NoLock);
  }

 private:
  IndexScanDesc begin(int key_count);
  TM_Result lock(LockWaitPolicy wait, LockTupleMode mode, int flags);

  Relation table_;
  Relation index_;
  TupleTableSlot *slot_;
  IndexScanDesc scan_;
  int key_count_;
  core::Uuid key_{};
};

// f(row) for the row of a key under the active snapshot, in an index whose first column is a uuid; false:
// there is none. Only inside of call().
template <class F>
bool find_row(const char *table, const char *index, const core::Uuid &key, F f) {
  IndexScan row(table, index);
  row.start(key);
  const bool found = row.next();
  if (found) f(row);
  row.end();
  return found;
}

}  // namespace prebuilds::pg
