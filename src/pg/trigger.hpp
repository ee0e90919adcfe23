// What PostgreSQL tells a trigger function about its call.
#pragma once

#include <map>

#include "pg/datum.hpp"

namespace prebuilds::pg {

// An error if the function was called in any other way.
inline TriggerData *trigger_data(FunctionCallInfo fcinfo) {
  if (!CALLED_AS_TRIGGER(fcinfo))
    throw SqlError(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED, "function was not called by a trigger");
  return reinterpret_cast<TriggerData *>(fcinfo->context);
}

// Rows that an apply worker of logical replication writes are no statement's: what a statement trigger would
// do at the end has to be done for each. It sets session_replication_role, as others do who load rows in that
// way.
inline bool only_row_triggers_fire() { return SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA; }

// What the row triggers of a statement leave to its statement trigger. A statement within a trigger has notes
// of its own: if it is rolled back, so is what its statement trigger has done, and the outer one still has to
// do its part. A statement that fails leaves its notes to the next one there in its transaction.
template <class Notes>
class StatementNotes {
 public:
  // Of the statement that the running trigger belongs to.
  Notes &mine() {
    const FullTransactionId transaction = GetTopFullTransactionIdIfAny();
    if (!FullTransactionIdEquals(transaction, transaction_)) by_depth_.clear();
    transaction_ = transaction;
    return by_depth_[depth()];
  }
  Notes take() { return std::exchange(mine(), {}); }

 private:
  static int depth() {
    return call([] {
      LOCAL_FCINFO(fcinfo, 0);
      InitFunctionCallInfoData(*fcinfo, nullptr, 0, InvalidOid, nullptr, nullptr);
      return DatumGetInt32(pg_trigger_depth(fcinfo));
    });
  }

  FullTransactionId transaction_ = InvalidFullTransactionId;
  std::map<int, Notes> by_depth_;
};

// The value in a column of a row of the trigger's table; an error if it is NULL.
inline Datum column(TriggerData *trigger, TupleTableSlot *row, const char *name) {
  return call([&] {
    bool null = false;
    const Datum value = slot_getattr(row, column_number(RelationGetDescr(trigger->tg_relation), name), &null);
    if (null) ereport(ERROR, (errcode(ERRCODE_NOT_NULL_VIOLATION), errmsg("column \"%s\" is null", name)));
    return value;
  });
}
inline bool column_is_null(TriggerData *trigger, TupleTableSlot *row, const char *name) {
  return call(
      [&] { return slot_attisnull(row, column_number(RelationGetDescr(trigger->tg_relation), name)); });
}
inline core::Uuid uuid_column(TriggerData *trigger, TupleTableSlot *row, const char *name) {
  return to_uuid(column(trigger, row, name));
}
inline core::Instant instant_column(TriggerData *trigger, TupleTableSlot *row, const char *name) {
  return to_instant(DatumGetTimestampTz(column(trigger, row, name)));
}
inline std::int64_t bigint_column(TriggerData *trigger, TupleTableSlot *row, const char *name) {
  return DatumGetInt64(column(trigger, row, name));
}

// Whether the UPDATE gave a column of the trigger's UPDATE OF list another value.
inline bool updated_columns_differ(TriggerData *trigger) {
  return call([&] {
    const TupleDesc columns = RelationGetDescr(trigger->tg_relation);
    const Trigger &definition = *trigger->tg_trigger;
    for (const AttrNumber number : std::span(definition.tgattr, definition.tgnattr)) {
      const Form_pg_attribute column = TupleDescAttr(columns, number - 1);
      bool null_before = false, null_after = false;
      const Datum before = slot_getattr(trigger->tg_trigslot, number, &null_before);
      const Datum after = slot_getattr(trigger->tg_newslot, number, &null_after);
      if (null_before != null_after) return true;
      if (!null_before && !datumIsEqual(before, after, column->attbyval, column->attlen)) return true;
    }
    return false;
  });
}

}  // namespace prebuilds::pg
