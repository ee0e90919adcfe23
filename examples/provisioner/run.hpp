// One job on this machine, from the moment it was acquired until the server has taken its result.
#pragma once

#include "job_directory.hpp"
#include "log_buffer.hpp"
#include "options.hpp"
#include "process.hpp"
#include "queue.hpp"

#include <chrono>
#include <optional>
#include <string>

// Why a job ended badly, in words for a person and as a code for a program.
struct Failure {
  std::string message, code;
};

// Why a command was told to end before its time.
enum class StopReason {
  canceled,  // somebody cancelled the job
  lost,      // the job is no longer ours: reaped after a long silence, or removed
  shutdown,  // the provisioner itself ends
};

class Run {
 public:
  // Starts the command. What cannot even be started has ended at once, with the reason as its failure.
  Run(Job job, const Options &options);

  const Job &job() const { return job_; }
  // Of a run whose command was started.
  JobDirectory &directory() { return *directory_; }
  LogBuffer &log() { return log_; }
  // For poll(): readable when the command has written something; -1 when there is nothing to wait for.
  int output() const { return process_ ? process_->output() : -1; }

  // Takes the command's output, notices its end, and kills it when it ignores stop() for too long.
  void advance(Clock::time_point now);
  // SIGTERM now, SIGKILL `kill_after` later. The first reason stays.
  void stop(StopReason reason, Clock::time_point now, std::chrono::seconds kill_after);

  // When advance() has something to do although nothing has happened.
  Clock::time_point due() const { return process_ ? kill_at_ : Clock::time_point::max(); }
  bool was_started() const { return directory_.has_value(); }
  bool has_ended() const { return !process_; }
  std::optional<StopReason> stop_reason() const { return stop_reason_; }
  // Of a run that has ended; nothing: its command was successful.
  const std::optional<Failure> &failure() const { return failure_; }
  void set_failure(Failure failure) { failure_ = std::move(failure); }

  // Removes what the run left on disk.
  void discard();

  // When the server is to hear of this run again; its owner's to set.
  Clock::time_point next_update;

 private:
  Failure describe(int wait_status) const;

  Job job_;
  std::optional<JobDirectory> directory_;
  std::optional<Process> process_;
  LogBuffer log_;
  std::optional<StopReason> stop_reason_;
  Clock::time_point kill_at_ = Clock::time_point::max();
  std::optional<Failure> failure_;
};
