// All rows of a table, read without SPI: where an executor would take longer to hand on a row than there is
// to be done with it. Only inside of call().
#pragma once

#include "pg/datum.hpp"
#include "pg/relation.hpp"

namespace prebuilds::pg {

// Under the active snapshot, in any order. There is no destructor: an error leaves everything to the
// transaction's abort.
class TableScan {
 public:
  // The name within schema prebuilds.
  explicit TableScan(const char *table)
      : table_(table_open(relation_oid(table), AccessShareLock)),
        slot_(table_slot_create(table_, nullptr)),
        scan_(table_beginscan(table_, GetActiveSnapshot(), 0, nullptr)) {}

  AttrNumber column(const char *name) const { return column_number(RelationGetDescr(table_), name); }

  bool next() { return table_scan_getnextslot(scan_, ForwardScanDirection, slot_); }
  // Of the row that next() found.
  bool is_null(AttrNumber column) { return slot_attisnull(slot_, column); }
  Datum value(AttrNumber column, bool *null) { return slot_getattr(slot_, column, null); }
  // Of a column that is not NULL.
  Datum value(AttrNumber column) {
    bool null = false;
    return value(column, &null);
  }

  void end() {
    table_endscan(scan_);
    ExecDropSingleTupleTableSlot(slot_);
    table_close(table_, NoLock);  // the lock goes with the transaction, as the executor's does
  }

 private:
  Relation table_;
  TupleTableSlot *slot_;
  TableScanDesc scan_;
};

}  // namespace prebuilds::pg
