#include "log_buffer.hpp"

#include <cstdint>

namespace {

// What comes faster than it can be sent, or while the server is away, waits here; what exceeds this is lost.
constexpr std::size_t max_unsent = 262'144;
constexpr std::size_t max_line = 8'192;
constexpr std::string_view lost_lines = "[output lost: it came faster than it could be sent]";

// Length of the valid UTF-8 character that `text` begins with; 0 when there is none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; i++)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  // Over-long forms, surrogates, and what lies beyond U+10FFFF.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) >= 0xA0) ||
      (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) >= 0x90))
    return 0;
  return length;
}

// Every byte that is no part of a character becomes a question mark.
std::string valid_utf8(std::string_view text) {
  std::string valid;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    valid += length ? text.substr(0, length) : "?";
    text.remove_prefix(length ? length : 1);
  }
  return valid;
}

}  // namespace

void LogBuffer::append(std::string_view output) {
  unfinished_ += output;
  std::size_t begin = 0;
  for (std::size_t end; (end = unfinished_.find('\n', begin)) != std::string::npos; begin = end + 1)
    add_line(std::string_view(unfinished_).substr(begin, end - begin));
  unfinished_.erase(0, begin);
  if (unfinished_.size() > max_line) finish();
}

void LogBuffer::finish() {
  if (!unfinished_.empty()) add_line(unfinished_);
  unfinished_.clear();
}

void LogBuffer::add_line(std::string_view line) {
  const std::string text = valid_utf8(line.substr(0, max_line));
  if (text.find_first_not_of(" \t\r") != std::string::npos) last_line_ = text;
  if (unsent_.size() + text.size() <= max_unsent)
    unsent_ += unsent_.empty() ? text : "\n" + text;
  else if (!unsent_.ends_with(lost_lines))
    unsent_.append("\n").append(lost_lines);
}
