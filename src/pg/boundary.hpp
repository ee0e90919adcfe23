// The two guards between C++ exceptions and PostgreSQL errors. Nothing else converts one into the other.
//
//   entry()  around the body of every function that PostgreSQL calls: no exception leaves it.
//   call()   around every PostgreSQL call that may raise: its error becomes an exception, so that
//            destructors run, and entry() hands it on unchanged.
//
// The body given to call() must create nothing with a destructor: PostgreSQL leaves it by longjmp.
#pragma once

#include "core/result.hpp"
#include "pg/prelude.hpp"

namespace prebuilds::pg {

// A PostgreSQL error is on its way; the error itself stays on PostgreSQL's own error stack.
struct ErrorInFlight final {};

// An error of ours, raised as an exception and turned into ereport(ERROR) by entry().
struct SqlError final : std::exception {
  int sqlstate = ERRCODE_INTERNAL_ERROR;
  std::string message;
  std::string detail;
  std::string hint;

  SqlError(int state, std::string text, std::string more = {}, std::string advice = {})
      : sqlstate(state), message(std::move(text)), detail(std::move(more)), hint(std::move(advice)) {}
  explicit SqlError(const core::Error &error);

  const char *what() const noexcept override { return message.c_str(); }
  // The five characters of the SQLSTATE.
  std::string code() const;
};

template <class F>
auto call(F &&body) -> std::invoke_result_t<F &> {
  using Result = std::invoke_result_t<F &>;
  static_assert(std::is_void_v<Result> || std::is_trivially_destructible_v<Result>,
                "an error would skip the destructor");
  struct Saver {
    sigjmp_buf *handler = PG_exception_stack;
    ErrorContextCallback *context = error_context_stack;
    ~Saver() {
      PG_exception_stack = handler;
      error_context_stack = context;
    }
  };
  const MemoryContext entry_context = CurrentMemoryContext;
  {
    Saver saver;
    sigjmp_buf target;
    if (sigsetjmp(target, 0) == 0) {
      PG_exception_stack = &target;
      return body();
    }
  }
  MemoryContextSwitchTo(entry_context);  // PostgreSQL leaves us in ErrorContext
  throw ErrorInFlight{};
}

namespace detail {

// What a handler leaves behind; trivially destructible, because raise() leaves by longjmp.
struct Pending {
  bool in_flight = false;
  int sqlstate = ERRCODE_INTERNAL_ERROR;
  char *message = nullptr;  // malloc'd
  char *detail = nullptr;
  char *hint = nullptr;
};

Pending capture_current_exception() noexcept;
[[noreturn]] void raise(Pending pending) noexcept;
void log_and_clear(Pending pending) noexcept;

}  // namespace detail

// Runs the body of an SQL function or of a worker's main function, and is all that such a function holds.
// (PG_FUNCTION_INFO_V1 declares the function without noexcept, so entry() itself carries it.)
template <class F>
Datum entry(F &&body) noexcept {
  detail::Pending pending;
  try {
    return body();
  } catch (...) {
    pending = detail::capture_current_exception();
  }
  detail::raise(pending);  // every destructor and the handler itself are done
}

// Runs the body of a callback in which PostgreSQL allows no error: transaction end, exit, GUC hooks.
template <class F>
void callback(F &&body) noexcept {
  detail::Pending pending;
  try {
    body();
    return;
  } catch (...) {
    pending = detail::capture_current_exception();
  }
  detail::log_and_clear(pending);
}

// The PostgreSQL error in flight as a value. The caller has left the failed work (rolled back its
// subtransaction or transaction) before it does anything else with the database.
SqlError take_error_in_flight(MemoryContext scratch);

// Lets a cancel or a shutdown end a long computation.
inline void check_for_interrupts() {
  call([] { CHECK_FOR_INTERRUPTS(); });
}

}  // namespace prebuilds::pg
