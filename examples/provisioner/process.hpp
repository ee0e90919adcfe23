// A child process in a process group of its own, with its output on a pipe that never blocks us.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

// An open file that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor &&other) noexcept : number_(other.release()) {}
  Descriptor &operator=(Descriptor &&other) noexcept;

  int number() const { return number_; }
  int release();
  void reset();

 private:
  int number_ = -1;
};

struct Pipe {
  Descriptor read, write;
};

// Both ends non-blocking and closed on exec. Throws std::system_error.
Pipe open_pipe();

class Process {
 public:
  // Starts `command` in `directory`; its environment is exactly `environment` ("NAME=value"). That it
  // cannot be executed shows as exit status 127 with the reason on its output. Throws std::system_error.
  Process(const std::vector<std::string> &command, const std::vector<std::string> &environment,
          const std::filesystem::path &directory);
  // Whatever still runs in the process group is killed.
  ~Process();
  Process(const Process &) = delete;
  Process &operator=(const Process &) = delete;

  // For poll(): readable when there is output.
  int output() const { return output_.number(); }
  // All output, of stdout and stderr, that has come since the last call.
  std::string read_output();
  // As of waitpid(); nothing while it runs.
  std::optional<int> wait_status();
  // To every process of the group.
  void signal(int number);

 private:
  pid_t pid_ = -1;
  std::optional<int> wait_status_;
  Descriptor output_;
};
