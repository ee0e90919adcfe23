// Whether a parameter's value lets a workspace be built.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::checks {

// A parameter as its columns say; none: NULL.
struct Parameter {
  std::optional<Datum> value;  // what is given for it, a text
  bool required = true;
  std::optional<Datum> default_value;     // text
  std::optional<Datum> options;           // jsonb
  std::optional<Datum> validation_regex;  // text
};

// Why no workspace can be built; none if one can. What it pallocs is left to its caller's memory context.
std::optional<std::string> parameter_problem(const Parameter &parameter);

}  // namespace prebuilds::checks
