#include "pg/boundary.hpp"

namespace prebuilds::pg {

namespace {

int sqlstate_of(core::ErrorCode code) {
  switch (code) {
    case core::ErrorCode::invalid_parameter: return ERRCODE_INVALID_PARAMETER_VALUE;
    case core::ErrorCode::not_found: return ERRCODE_NO_DATA_FOUND;
    case core::ErrorCode::already_exists: return ERRCODE_UNIQUE_VIOLATION;
    case core::ErrorCode::wrong_state: return ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE;
    case core::ErrorCode::not_permitted: return ERRCODE_INSUFFICIENT_PRIVILEGE;
    case core::ErrorCode::disabled: return ERRCODE_FEATURE_NOT_SUPPORTED;
    case core::ErrorCode::unavailable: return ERRCODE_LOCK_NOT_AVAILABLE;
  }
  return ERRCODE_INTERNAL_ERROR;
}

char *copy(const std::string &text) { return text.empty() ? nullptr : strdup(text.c_str()); }

// A message must outlive its malloc'd original: PostgreSQL frees only what is in a memory context.
char *move_to_context(char *text) {
  if (text == nullptr) return nullptr;
  char *copied = pstrdup(text);
  free(text);
  return copied;
}

}  // namespace

SqlError::SqlError(const core::Error &error)
    : SqlError(sqlstate_of(error.code), error.message, error.detail, error.hint) {}

std::string SqlError::code() const { return unpack_sql_state(sqlstate); }

detail::Pending detail::capture_current_exception() noexcept {
  Pending pending;
  try {
    throw;
  } catch (const ErrorInFlight &) {
    pending.in_flight = true;
  } catch (const SqlError &error) {
    pending.sqlstate = error.sqlstate;
    pending.message = copy(error.message);
    pending.detail = copy(error.detail);
    pending.hint = copy(error.hint);
  } catch (const std::bad_alloc &) {
    pending.sqlstate = ERRCODE_OUT_OF_MEMORY;
    pending.message = strdup("out of memory");
  } catch (const std::exception &error) {
    pending.message = strdup(error.what());
  } catch (...) {
    pending.message = strdup("unknown C++ exception");
  }
  return pending;
}

void detail::raise(Pending pending) noexcept {
  if (pending.in_flight) PG_RE_THROW();
  char *message = move_to_context(pending.message);
  char *detail = move_to_context(pending.detail);
  char *hint = move_to_context(pending.hint);
  ereport(ERROR,
          (errcode(pending.sqlstate), errmsg("%s", message != nullptr ? message : "unknown error"),
           detail != nullptr ? errdetail("%s", detail) : 0, hint != nullptr ? errhint("%s", hint) : 0));
  pg_unreachable();
}

void detail::log_and_clear(Pending pending) noexcept {
  if (pending.in_flight) {
    ErrorData *error = CopyErrorData();
    FlushErrorState();
    error->elevel = LOG;  // as an ERROR it would reach the client in the middle of an answer
    ThrowErrorData(error);
    FreeErrorData(error);
    return;
  }
  ereport(LOG, (errcode(pending.sqlstate),
                errmsg("pg_prebuilds: %s", pending.message != nullptr ? pending.message : "unknown error")));
  free(pending.message);
  free(pending.detail);
  free(pending.hint);
}

SqlError take_error_in_flight(MemoryContext scratch) {
  MemoryContextSwitchTo(scratch);  // CopyErrorData refuses to run in ErrorContext
  ErrorData *error = CopyErrorData();
  FlushErrorState();
  auto text = [](const char *s) { return std::string(s != nullptr ? s : ""); };
  SqlError taken(error->sqlerrcode, text(error->message), text(error->detail), text(error->hint));
  FreeErrorData(error);
  return taken;
}

}  // namespace prebuilds::pg
