// Waits for a started workspace: asks the command again and again whether it is ready.
#pragma once

#include "job_directory.hpp"
#include "log_buffer.hpp"
#include "options.hpp"
#include "process.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

class Probe {
 public:
  Probe(JobDirectory directory, const Options &options, Clock::time_point now);

  const std::string &workspace_id() const { return workspace_id_; }
  JobDirectory &directory() { return directory_; }
  const std::vector<std::string> &agents() const { return agents_; }
  int output() const { return process_ ? process_->output() : -1; }

  // Begins an attempt when one is due, notices its end, and ends one that hangs.
  void advance(Clock::time_point now);
  // When advance() has something to do although nothing has happened.
  Clock::time_point due() const;

  // The lifecycle state to report for every agent, once it is known.
  const std::optional<std::string> &verdict() const { return verdict_; }
  // What the last attempt said.
  const std::string &last_line() const { return log_.last_line(); }

 private:
  void begin_attempt(Clock::time_point now);
  void end_attempt(Clock::time_point now, bool is_ready);

  JobDirectory directory_;
  std::vector<std::string> command_;
  std::vector<std::string> environment_;
  std::string workspace_id_;
  std::vector<std::string> agents_;
  Clock::time_point give_up_at_, next_attempt_, hangs_at_;
  std::chrono::milliseconds pause_{100};
  std::optional<Process> process_;
  LogBuffer log_;
  std::optional<std::string> verdict_;
};
