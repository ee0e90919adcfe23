#include "core/cron.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <climits>
#include <cstdint>
#include <string>
#include <vector>

namespace prebuilds::core {

namespace {

// A field of the expression: its name, its domain, and the words for its values from the lowest on.
struct Field {
  std::string_view name;
  std::string_view allowed;
  int low;
  int high;
  std::string_view words;  // of three letters each; empty if the field has none
};

constexpr Field hour_field{"hour", "Hours are 0 to 23.", 0, 23, ""};
constexpr Field day_field{"day-of-month", "Days of the month are 1 to 31.", 1, 31, ""};
constexpr Field month_field{"month", "Months are 1 to 12 or jan to dec.", 1, 12,
                            "janfebmaraprmayjunjulaugsepoctnovdec"};
constexpr Field weekday_field{"weekday", "Weekdays are 0 (Sunday) to 6 or sun to sat.", 0, 6,
                              "sunmontuewedthufrisat"};

// What a field admits: bit n for the value n.
struct FieldSet {
  std::uint32_t bits = 0;
  bool starred = false;
};

// The grammar reports what is wrong with a field as a sentence; the expression around it is added once.
Error field_error(std::string_view expression, std::string_view field, std::string_view text,
                  std::string detail) {
  return {.code = ErrorCode::invalid_parameter,
          .message = "invalid " + std::string(field) + " field \"" + std::string(text) +
                     "\" in cron expression \"" + std::string(expression) + "\"",
          .detail = std::move(detail),
          .hint = "A field is * or a list of values, ranges such as 9-18 and steps such as */2."};
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::vector<std::string_view> split_at_blanks(std::string_view text) {
  std::vector<std::string_view> words;
  auto at = text.begin();
  while (true) {
    at = std::find_if_not(at, text.end(), is_blank);
    if (at == text.end()) return words;
    const auto end = std::find_if(at, text.end(), is_blank);
    words.emplace_back(&*at, static_cast<std::size_t>(end - at));
    at = end;
  }
}

// Decimal digits only; a number too large for int counts as the largest.
std::optional<int> parse_number(std::string_view text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} ? number : INT_MAX;
}

// A number or word within the field's domain.
std::optional<int> parse_value(const Field &field, std::string_view text) {
  if (const auto number = parse_number(text)) {
    if (*number < field.low || *number > field.high) return std::nullopt;
    return number;
  }
  if (text.size() != 3) return std::nullopt;
  const std::array<char, 3> word{to_lower(text[0]), to_lower(text[1]), to_lower(text[2])};
  for (std::size_t i = 0; i + 3 <= field.words.size(); i += 3) {
    if (std::equal(word.begin(), word.end(), field.words.begin() + i))
      return field.low + static_cast<int>(i / 3);
  }
  return std::nullopt;
}

// One part of a list: *, ?, a value or a range, each with or without a step. Adds to `set`; returns what
// is wrong, or nothing.
std::optional<std::string> add_part(const Field &field, std::string_view part, FieldSet &set) {
  const auto quoted = [](std::string_view text) { return "\"" + std::string(text) + "\""; };
  const auto not_allowed = [&](std::string_view text) {
    return quoted(text) + " is not allowed. " + std::string(field.allowed);
  };
  if (part.empty()) return "A part of the list is empty. " + std::string(field.allowed);

  const auto slash = part.find('/');
  const bool stepped = slash != std::string_view::npos;
  const std::string_view base = part.substr(0, slash);
  int step = 1;
  if (stepped) {
    const std::string_view text = part.substr(slash + 1);
    const auto number = parse_number(text);
    if (!number || *number < 1) return quoted(text) + " is not a step. A step is a number from 1 on.";
    step = *number;
  }

  int first = field.low;
  int last = field.high;
  if (base == "*" || base == "?") {
    set.starred = set.starred || step == 1;
  } else if (const auto dash = base.find('-'); dash != std::string_view::npos) {
    const auto from = parse_value(field, base.substr(0, dash));
    const auto to = parse_value(field, base.substr(dash + 1));
    if (!from) return not_allowed(base.substr(0, dash));
    if (!to) return not_allowed(base.substr(dash + 1));
    if (*from > *to) return "The range " + quoted(base) + " runs backwards. " + std::string(field.allowed);
    first = *from;
    last = *to;
  } else {
    const auto value = parse_value(field, base);
    if (!value) return not_allowed(base);
    first = *value;
    if (!stepped) last = first;  // "a/n" runs from a to the end
  }

  for (int value = first;; value += step) {
    set.bits |= std::uint32_t{1} << value;
    if (step > last - value) return std::nullopt;
  }
}

Result<FieldSet> parse_field(const Field &field, std::string_view text, std::string_view expression) {
  FieldSet set;
  std::string_view rest = text;
  while (true) {
    const auto comma = rest.find(',');
    if (auto wrong = add_part(field, rest.substr(0, comma), set))
      return field_error(expression, field.name, text, std::move(*wrong));
    if (comma == std::string_view::npos) return set;
    rest.remove_prefix(comma + 1);
  }
}

bool matches_day(const CronRange &range, unsigned day, unsigned weekday) {
  const bool by_day = range.days[day];
  const bool by_weekday = range.weekdays[weekday];
  return range.any_day || range.any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

// Days of the month × weekdays.
struct DayRectangle {
  std::bitset<32> days;
  std::bitset<7> weekdays;

  bool meets(const DayRectangle &other) const {
    return (days & other.days).any() && (weekdays & other.weekdays).any();
  }
};

// The days of a range among those of a month: one rectangle, or where either field suffices two.
std::array<DayRectangle, 2> day_rectangles(const CronRange &range, const std::bitset<32> &month_days) {
  if (range.any_day || range.any_weekday)
    return {DayRectangle{range.days & month_days, range.weekdays}, DayRectangle{}};
  return {DayRectangle{range.days & month_days, std::bitset<7>{}.set()},
          DayRectangle{month_days, range.weekdays}};
}

// Days 1 to n, where n is the length of the longest of these months, in a leap year.
std::bitset<32> days_of_longest(const std::bitset<13> &months) {
  const std::bitset<13> with_31{0b1'0101'1010'1010};  // Jan, Mar, May, Jul, Aug, Oct, Dec
  const std::bitset<13> february{0b100};
  const unsigned length = (months & with_31).any() ? 31 : (months & ~february).any() ? 30 : 29;
  return std::bitset<32>{((std::uint64_t{1} << length) - 1) << 1};
}

}  // namespace

Result<CronRange> parse_cron(std::string_view expression) {
  const std::vector<std::string_view> fields = split_at_blanks(expression);
  if (fields.size() != 5) {
    return Error{.code = ErrorCode::invalid_parameter,
                 .message = "cron expression \"" + std::string(expression) + "\" has " +
                            std::to_string(fields.size()) + (fields.size() == 1 ? " field" : " fields"),
                 .detail = "It must have five: minute, hour, day of month, month and weekday.",
                 .hint = "\"* 9-18 * * 1-5\" is 09:00 to 18:59, Monday to Friday."};
  }
  if (fields[0] != "*")
    return field_error(expression, "minute", fields[0],
                       "The minute field must be *, as a schedule covers whole hours.");

  const auto hours = parse_field(hour_field, fields[1], expression);
  if (!hours) return hours.error();
  const auto days = parse_field(day_field, fields[2], expression);
  if (!days) return days.error();
  const auto months = parse_field(month_field, fields[3], expression);
  if (!months) return months.error();
  const auto weekdays = parse_field(weekday_field, fields[4], expression);
  if (!weekdays) return weekdays.error();

  return CronRange{.hours = hours->bits,
                   .days = days->bits,
                   .months = months->bits,
                   .weekdays = weekdays->bits,
                   .any_day = days->starred,
                   .any_weekday = weekdays->starred};
}

bool contains(const CronRange &range, const CivilTime &civil) {
  return range.hours[static_cast<unsigned>(civil.hour)] && range.months[static_cast<unsigned>(civil.month)] &&
         matches_day(range, static_cast<unsigned>(civil.day), static_cast<unsigned>(civil.weekday));
}

bool overlap(const CronRange &a, const CronRange &b) {
  const auto months = a.months & b.months;
  if ((a.hours & b.hours).none() || months.none()) return false;

  // Any 28 years without a skipped leap day, such as 1972 to 1999, put each day of the year, 29 February
  // included, on each weekday. So a day and a weekday that both ranges admit do meet.
  const auto month_days = days_of_longest(months);
  for (const DayRectangle &of_a : day_rectangles(a, month_days)) {
    for (const DayRectangle &of_b : day_rectangles(b, month_days)) {
      if (of_a.meets(of_b)) return true;
    }
  }
  return false;
}

std::optional<CivilTime> common_hour(const CronRange &a, const CronRange &b) {
  using namespace std::chrono;
  if (!overlap(a, b)) return std::nullopt;

  const auto hours = a.hours & b.hours;
  const auto months = a.months & b.months;
  int hour = 0;
  while (!hours[static_cast<unsigned>(hour)]) ++hour;

  // As in overlap(), 28 years are enough.
  for (sys_days at = year{2024} / January / 1; at < sys_days{year{2052} / January / 1}; at += days{1}) {
    const year_month_day date{at};
    const unsigned month{date.month()};
    const unsigned day{date.day()};
    const unsigned day_of_week = weekday{at}.c_encoding();
    if (months[month] && matches_day(a, day, day_of_week) && matches_day(b, day, day_of_week)) {
      return CivilTime{.year = int{date.year()},
                       .month = static_cast<int>(month),
                       .day = static_cast<int>(day),
                       .hour = hour,
                       .weekday = static_cast<int>(day_of_week)};
    }
  }
  return std::nullopt;
}

}  // namespace prebuilds::core
