#include "checks/parameters.hpp"

namespace prebuilds::checks {

namespace {

// A value for a message; of a long one only the beginning.
std::string in_quotes(std::string_view text) {
  constexpr int longest = 200;
  const int shown = pg_mbcliplen(text.data(), static_cast<int>(text.size()), longest);
  return "\"" + std::string(text.substr(0, shown)) + (shown < static_cast<int>(text.size()) ? "...\"" : "\"");
}

struct Option {
  const char *text = nullptr;  // null: an entry that stands for no value
  int length = 0;
};

bool is_array(const Jsonb *json) { return JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json); }

// The i-th of the options, which are values, or objects with a member "value".
Option option_at(Jsonb *options, std::uint32_t i) {
  return pg::call([&]() -> Option {
    JsonbValue *value = getIthJsonbValueFromContainer(&options->root, i);
    if (value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data))
      value = getKeyJsonValueFromContainer(value->val.binary.data, "value", 5, nullptr);
    if (value == nullptr) return {};
    switch (value->type) {
      case jbvString: return {value->val.string.val, value->val.string.len};
      case jbvNumeric: {
        const char *number =
            DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
        return {number, static_cast<int>(std::strlen(number))};
      }
      case jbvBool: return value->val.boolean ? Option{"true", 4} : Option{"false", 5};
      default: return {};
    }
  });
}

// `what` is the value as the message names it.
std::optional<std::string> option_problem(std::string_view value, const std::string &what, Jsonb *options) {
  if (!is_array(options)) return "its options are not a JSON array";
  const std::uint32_t count = JB_ROOT_COUNT(options);
  if (count == 0) return std::nullopt;

  constexpr std::uint32_t most_shown = 10;
  std::string allowed;
  for (std::uint32_t i = 0; i < count; i++) {
    const Option option = option_at(options, i);
    if (option.text == nullptr) continue;
    const std::string_view text(option.text, static_cast<std::size_t>(option.length));
    if (text == value) return std::nullopt;
    if (i < most_shown) allowed += (allowed.empty() ? "" : ", ") + in_quotes(text);
  }
  if (count > most_shown) allowed += ", ...";
  return what + " is not among its options " + allowed;
}

std::vector<pg_wchar> to_wide(std::string_view text) {
  std::vector<pg_wchar> wide(text.size() + 1);
  wide.resize(pg::call(
      [&] { return pg_mb2wchar_with_len(text.data(), wide.data(), static_cast<int>(text.size())); }));
  return wide;
}

// A compiled regular expression. Until PostgreSQL 16 its memory is in no memory context.
class Regex {
 public:
  // The code of pg_regcomp(), 0 = compiled. In the C collation: the same everywhere, as the provisioner's is.
  int compile(std::string_view pattern) {
    const std::vector<pg_wchar> wide = to_wide(pattern);
    const int code = pg::call([&] {
      return pg_regcomp(&regex_, wide.data(), wide.size(), REG_ADVANCED | REG_NOSUB, C_COLLATION_OID);
    });
    compiled_ = code == REG_OKAY;
    return code;
  }
  // The code of pg_regexec(): 0 = matches somewhere, REG_NOMATCH, or what went wrong.
  int match(std::string_view text) {
    const std::vector<pg_wchar> wide = to_wide(text);
    return pg::call([&] { return pg_regexec(&regex_, wide.data(), wide.size(), 0, nullptr, 0, nullptr, 0); });
  }
  std::string message(int code) const {
    std::array<char, 100> text{};
    pg_regerror(code, &regex_, text.data(), text.size());
    return text.data();
  }

  Regex() = default;
  ~Regex() {
    if (compiled_) pg_regfree(&regex_);
  }
  Regex(const Regex &) = delete;
  Regex &operator=(const Regex &) = delete;

 private:
  regex_t regex_{};
  bool compiled_ = false;
};

std::optional<std::string> regex_problem(std::string_view value, const std::string &what,
                                         std::string_view pattern) {
  if (pattern.empty()) return std::nullopt;
  Regex regex;
  if (const int code = regex.compile(pattern); code != REG_OKAY) {
    pg::check_for_interrupts();  // a cancel is reported by a code, too
    return "its validation_regex " + in_quotes(pattern) + " is invalid: " + regex.message(code);
  }
  const int code = regex.match(value);
  if (code == REG_OKAY) return std::nullopt;
  if (code == REG_NOMATCH) return what + " does not match its validation_regex " + in_quotes(pattern);
  pg::check_for_interrupts();
  return "its validation_regex " + in_quotes(pattern) + " failed: " + regex.message(code);
}

}  // namespace

std::optional<std::string> parameter_problem(const Parameter &parameter) {
  std::string value;
  if (parameter.value) {
    value = pg::to_string(*parameter.value);
  } else {
    if (parameter.required) return "it is required and has no value";
    if (parameter.default_value) value = pg::to_string(*parameter.default_value);
    if (value.empty()) return std::nullopt;  // a default that says nothing
  }
  const std::string what = (parameter.value ? "value " : "default value ") + in_quotes(value);
  if (parameter.options) {
    Jsonb *options = pg::call([&] { return DatumGetJsonbP(*parameter.options); });
    if (auto problem = option_problem(value, what, options)) return problem;
  }
  if (!parameter.validation_regex) return std::nullopt;
  return regex_problem(value, what, pg::to_string(*parameter.validation_regex));
}

}  // namespace prebuilds::checks

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_parameter_problem);

// prebuilds.parameter_problem(value text, required boolean, default_value text, options jsonb,
// validation_regex text) returns text
PGDLLEXPORT Datum prebuilds_parameter_problem(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const auto argument = [&](int i) {
      return PG_ARGISNULL(i) ? std::nullopt : std::optional(PG_GETARG_DATUM(i));
    };
    const auto problem = checks::parameter_problem({.value = argument(0),
                                                    .required = PG_ARGISNULL(1) || PG_GETARG_BOOL(1),
                                                    .default_value = argument(2),
                                                    .options = argument(3),
                                                    .validation_regex = argument(4)});
    fcinfo->isnull = !problem;
    return problem ? pg::to_datum(*problem) : Datum{0};
  });
}

}  // extern "C"
