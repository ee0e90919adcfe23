// The provisioner's one loop: waits for the queue, for the commands that it runs and for signals, and
// carries news from each to the others.
#pragma once

#include "options.hpp"
#include "probe.hpp"
#include "queue.hpp"
#include "run.hpp"
#include "signals.hpp"

#include <chrono>
#include <list>
#include <optional>
#include <string>

class Provisioner {
 public:
  // Takes the work directory, and carries on what an earlier process left there. Throws std::runtime_error
  // when another process works in it.
  explicit Provisioner(const Options &options);

  // Returns when SIGTERM or SIGINT has asked for it and the running jobs have ended. A second signal, or
  // the end of drain_timeout, ends the jobs. Throws postgres::StatementError when the server refuses to
  // register this provisioner.
  void run();

 private:
  void wait();
  void obey_signals();
  void advance_commands();
  bool may_end() const;

  // What follows talks to the server, and may throw postgres::ConnectionError.
  void converse();
  void connect();
  void acquire_jobs();
  void update_jobs();
  void settle_jobs();
  bool settle(Run &run);
  void complete(Run &run);
  void report_agents();

  const Options &options_;
  Signals signals_;
  Descriptor lock_;
  std::list<Run> runs_;
  std::list<Probe> probes_;

  std::optional<Queue> queue_;  // only while connected
  bool was_registered_ = false;
  Clock::time_point now_;  // read once per turn of the loop
  Clock::time_point next_connect_, next_acquire_;
  std::chrono::milliseconds reconnect_pause_{0};
  std::optional<Clock::time_point> drained_by_;  // set when the end was asked for
};
