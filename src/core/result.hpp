// What a function returns when a user can make it fail. Exceptions are for programming errors only.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace prebuilds::core {

// The kinds of error that the extension raises; the boundary gives each its SQLSTATE.
enum class ErrorCode {
  invalid_parameter,  // malformed, out of range
  not_found,          // no such id
  already_exists,     // the name is taken
  wrong_state,        // the state of the thing does not allow it
  not_permitted,      // not the holder's, not this role's
  disabled,           // the feature is switched off
  unavailable,        // someone else holds what is needed
};

// In PostgreSQL's style: the message lower-case without full stop, detail and hint as sentences or empty.
struct Error {
  ErrorCode code = ErrorCode::invalid_parameter;
  std::string message{};
  std::string detail{};
  std::string hint{};

  bool operator==(const Error &) const = default;
};

// Either a value or the reason why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : outcome_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit on purpose
  Result(Error error) : outcome_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  explicit operator bool() const { return outcome_.index() == 0; }

  // The value; only when there is one.
  const T &operator*() const { return std::get<0>(outcome_); }
  const T *operator->() const { return &std::get<0>(outcome_); }

  // The error; only when there is no value.
  const Error &error() const { return std::get<1>(outcome_); }

 private:
  std::variant<T, Error> outcome_;
};

}  // namespace prebuilds::core
