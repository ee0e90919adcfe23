// What the command line says.
#pragma once

#include "queue.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

using Clock = std::chrono::steady_clock;  // of every deadline

struct Options {
  std::string conninfo;  // empty: libpq's environment variables
  Registration registration;
  std::filesystem::path work_dir;
  std::vector<std::string> command;
  int concurrency = 1;
  std::chrono::seconds poll_interval{5};
  std::chrono::seconds kill_after{10};
  std::chrono::seconds ready_timeout{300};
  std::chrono::seconds drain_timeout{60};
};

// Ends the program after --help, and after a mistake with a message and status 2.
Options parse_options(int argc, char **argv);
