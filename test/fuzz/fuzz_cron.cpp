// Cron expressions: any text either parses or is refused with a reason, and what parses keeps its promises.
#include <array>
#include <string>
#include <string_view>

#include "core/cron.hpp"
#include "fuzz/bytes.hpp"
#include "unit/print_cron.hpp"

namespace prebuilds::core {
namespace {

// Random bytes are hardly ever an expression, so some inputs are strung together from its words.
std::string expression_from(Bytes &bytes) {
  constexpr std::array<std::string_view, 40> words{
      "*",   "*",   "*",   "?",   ",",  "-",  "/",  "0",  "1",  "2",  "3",  "4",   "5",   "6",
      "7",   "9",   "12",  "13",  "23", "24", "28", "29", "30", "31", "32", "sun", "Mon", "fri",
      "SAT", "jan", "Feb", "dec", " ",  " ",  " ",  " ",  " ",  " ",  "\t", "@"};
  std::string text;
  if (bytes.flag()) {
    while (!bytes.empty() && text.size() < 400) text += words[bytes.byte() % words.size()];
    return text;
  }
  while (!bytes.empty()) text += static_cast<char>(bytes.byte());
  return text;
}

// Five fields with words of the field's own kind: most of these parse.
std::string likely_expression_from(Bytes &bytes) {
  struct Domain {
    int low;
    int high;
  };
  constexpr std::array<Domain, 4> domains{{{0, 23}, {1, 31}, {1, 12}, {0, 6}}};
  std::string text = "*";
  for (const auto &[low, high] : domains) {
    text += ' ';
    for (int parts = bytes.below(3); parts >= 0; --parts) {
      const int shape = bytes.below(5);
      const int from = low + bytes.below(high - low + 1);
      const int to = from + bytes.below(high - from + 1);
      text += shape == 0 ? "*" : std::to_string(from);
      if (shape >= 2) text += "-" + std::to_string(to);
      if (shape == 3) text += "/" + std::to_string(1 + bytes.below(12));
      if (parts > 0) text += ',';
    }
  }
  return text;
}

void check_text(const std::string &text) {
  const auto range = parse_cron(text);
  if (!range) {
    PROMISE(!range.error().message.empty() && !range.error().detail.empty() && !range.error().hint.empty());
    return;
  }
  const auto printed = parse_cron(print_cron(*range));
  PROMISE(printed && *printed == *range);
  PROMISE(range->hours.any() && range->days.any() && range->months.any() && range->weekdays.any());
}

void check_pair(const CronRange &a, const CronRange &b) {
  const bool shared = overlap(a, b);
  PROMISE(shared == overlap(b, a));
  const auto example = common_hour(a, b);
  PROMISE(example.has_value() == shared);
  if (example) PROMISE(contains(a, *example) && contains(b, *example));
}

}  // namespace
}  // namespace prebuilds::core

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  using namespace prebuilds::core;
  Bytes bytes({data, size});
  if (bytes.flag()) {
    check_text(expression_from(bytes));
    return 0;
  }
  const auto a = parse_cron(likely_expression_from(bytes));
  const auto b = parse_cron(likely_expression_from(bytes));
  if (a && b) check_pair(*a, *b);
  return 0;
}
