// What a job's row says about its progress.
#pragma once

namespace prebuilds::core {

// Which of its times a job has.
struct JobTimes {
  bool started = false;
  bool canceled = false;  // somebody asked for it
  bool completed = false;
};

// A value of prebuilds.provisioner_job_status. A job with an error has failed, even before it is completed.
constexpr const char *job_status(const JobTimes &times, bool has_error) {
  if (has_error) return "failed";
  if (times.canceled) return times.completed ? "canceled" : "canceling";
  if (times.completed) return "succeeded";
  return times.started ? "running" : "pending";
}

}  // namespace prebuilds::core
