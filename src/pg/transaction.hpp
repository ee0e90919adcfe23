// Work that may fail and be rolled back while its caller goes on.
//
// in_subtransaction() within a transaction, run_transaction() for a process that has no transaction of its
// own.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::pg {

// Runs f in a subtransaction. An error of PostgreSQL or of ours rolls it back and is returned; a cancel or a
// shutdown (class 57) is not for us to swallow and goes on as an exception, as does any other exception. None
// of them leaves the subtransaction open: PostgreSQL would take it for a savepoint of the user's.
template <class F>
std::optional<SqlError> in_subtransaction(F &&f) {
  const MemoryContext context = CurrentMemoryContext;
  const ResourceOwner owner = CurrentResourceOwner;
  auto leave = [&](auto end) {
    call([&] { end(); });
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
  };

  call([] { BeginInternalSubTransaction(nullptr); });
  MemoryContextSwitchTo(context);  // what f pallocs belongs to its caller
  std::optional<SqlError> error;
  try {
    f();
    leave([] { ReleaseCurrentSubTransaction(); });
    return std::nullopt;
  } catch (const ErrorInFlight &) {
    error = take_error_in_flight(context);
  } catch (const SqlError &ours) {
    error = ours;
  } catch (...) {
    leave([] { RollbackAndReleaseCurrentSubTransaction(); });
    throw;
  }
  leave([] { RollbackAndReleaseCurrentSubTransaction(); });
  if (ERRCODE_TO_CATEGORY(error->sqlstate) == ERRCODE_OPERATOR_INTERVENTION) throw *error;
  return error;
}

// Runs f in a transaction of its own, for a background worker; `activity` is what pg_stat_activity shows
// meanwhile. An error of PostgreSQL or of ours rolls the transaction back and is returned. The transaction
// has no snapshot yet when f begins. `context` is current afterwards (a transaction's end leaves
// TopMemoryContext).
template <class F>
std::optional<SqlError> run_transaction(const char *activity, int isolation, MemoryContext context, F &&f) {
  std::optional<SqlError> error;
  try {
    call([&] {
      SetCurrentStatementStartTimestamp();
      pgstat_report_activity(STATE_RUNNING, activity);
      StartTransactionCommand();
      XactIsoLevel = isolation;
    });
    f();
    call([] { CommitTransactionCommand(); });
  } catch (const ErrorInFlight &) {
    error = take_error_in_flight(context);
  } catch (const SqlError &ours) {
    error = ours;
  } catch (const std::exception &other) {
    error = SqlError(ERRCODE_INTERNAL_ERROR, other.what());
  }
  if (error) call([] { AbortCurrentTransaction(); });
  MemoryContextSwitchTo(context);
  pgstat_report_activity(STATE_IDLE, nullptr);
  return error;
}

}  // namespace prebuilds::pg
