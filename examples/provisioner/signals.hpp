// Signals as something that poll() can wait for.
#pragma once

#include "process.hpp"

// SIGTERM and SIGINT ask for an end, SIGCHLD only wakes. At most one object at a time.
class Signals {
 public:
  Signals();

  // For poll(): readable when a signal has come since the last call of drain().
  int wake_up() const { return pipe_.read.number(); }
  void drain();
  // How often the end was asked for.
  static int end_requests();

 private:
  Pipe pipe_;
};
