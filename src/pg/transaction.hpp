// Work that may fail and be rolled back while its caller goes on.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::pg {

// Runs f in a subtransaction. An error of PostgreSQL or of ours rolls it back and is returned; a cancel or a
// shutdown (class 57) is not for us to swallow and goes on as an exception.
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
  }
  leave([] { RollbackAndReleaseCurrentSubTransaction(); });
  if (ERRCODE_TO_CATEGORY(error->sqlstate) == ERRCODE_OPERATOR_INTERVENTION) throw *error;
  return error;
}

}  // namespace prebuilds::pg
