// A command's output on its way to the job's log: whole lines of valid UTF-8, as the database takes them.
#pragma once

#include <string>
#include <string_view>

class LogBuffer {
 public:
  void append(std::string_view output);
  // The command has ended: what stands without a line feed is a line too.
  void finish();

  // Lines that are not sent yet, separated by line feeds.
  const std::string &unsent() const { return unsent_; }
  void mark_sent() { unsent_.clear(); }
  // The last line that is not blank: as a rule it says why a command failed.
  const std::string &last_line() const { return last_line_; }

 private:
  void add_line(std::string_view line);

  std::string unsent_;
  std::string unfinished_;
  std::string last_line_;
};
