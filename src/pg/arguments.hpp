// The arguments of a function of ours that is called on NULL input.
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::pg {

class Arguments {
 public:
  explicit Arguments(FunctionCallInfo call) : call_(call) {}

  // By its place, counted from 0. Error 22004 if it is NULL: who calls us sees to it.
  Datum operator[](int place) const {
    if (call_->args[place].isnull)
      throw SqlError(ERRCODE_NULL_VALUE_NOT_ALLOWED,
                     "argument " + std::to_string(place + 1) + " must not be null");
    return call_->args[place].value;
  }
  core::Uuid uuid(int place) const { return to_uuid((*this)[place]); }
  Timestamp timestamp(int place) const { return {DatumGetTimestampTz((*this)[place])}; }
  core::Instant instant(int place) const { return to_instant(timestamp(place).value); }

  // By its place and name. Error 22023 if it is NULL, as prebuilds.refuse_null() raises it.
  Datum required(int place, const std::string &name) const {
    if (call_->args[place].isnull)
      throw SqlError(ERRCODE_INVALID_PARAMETER_VALUE, name + " must not be null", {},
                     "Give a value for " + name + ".");
    return call_->args[place].value;
  }

  // Of those that may be NULL.
  Param optional(int place) const { return call_->args[place]; }
  std::optional<core::Uuid> optional_uuid(int place) const {
    return call_->args[place].isnull ? std::nullopt : std::optional(uuid(place));
  }
  std::optional<core::Instant> optional_instant(int place) const {
    return call_->args[place].isnull ? std::nullopt : std::optional(instant(place));
  }
  std::optional<int> optional_integer(int place) const {
    return call_->args[place].isnull ? std::nullopt : std::optional(DatumGetInt32((*this)[place]));
  }
  std::optional<std::int64_t> optional_bigint(int place) const {
    return call_->args[place].isnull ? std::nullopt : std::optional(DatumGetInt64((*this)[place]));
  }

 private:
  FunctionCallInfo call_;
};

}  // namespace prebuilds::pg
