#include "run.hpp"

#include <signal.h>
#include <sys/wait.h>

#include <exception>

Run::Run(Job job, const Options &options) : job_(std::move(job)) {
  try {
    directory_ = JobDirectory::create(options.work_dir, job_);
    std::vector<std::string> command = options.command;
    command.push_back(job_.transition);
    process_.emplace(command, directory_->environment(), directory_->path());
  } catch (const std::exception &error) {
    failure_ = Failure{error.what(), "CANNOT_START"};
  }
}

void Run::advance(Clock::time_point now) {
  if (!process_) return;
  // Ask before reading: what an ended command has written is then there as a whole.
  const std::optional<int> status = process_->wait_status();
  log_.append(process_->read_output());
  if (!status) {
    if (now >= kill_at_) {
      process_->signal(SIGKILL);
      kill_at_ = Clock::time_point::max();
    }
    return;
  }
  log_.finish();
  process_.reset();
  if (*status != 0) failure_ = describe(*status);
}

void Run::stop(StopReason reason, Clock::time_point now, std::chrono::seconds kill_after) {
  if (!process_ || stop_reason_) return;
  stop_reason_ = reason;
  kill_at_ = now + kill_after;
  process_->signal(SIGTERM);
}

void Run::discard() {
  if (directory_) directory_->remove();
}

Failure Run::describe(int wait_status) const {
  if (stop_reason_ == StopReason::canceled) return {"the job was canceled", "CANCELED"};
  if (stop_reason_ == StopReason::shutdown) return {"the provisioner was stopped", "PROVISIONER_STOPPED"};
  const bool exited = WIFEXITED(wait_status);
  const std::string number = std::to_string(exited ? WEXITSTATUS(wait_status) : WTERMSIG(wait_status));
  std::string message = "the command ended with " + std::string(exited ? "status " : "signal ") + number;
  if (!log_.last_line().empty()) message += ": " + log_.last_line();
  return {message, (exited ? "EXIT_STATUS_" : "SIGNAL_") + number};
}
