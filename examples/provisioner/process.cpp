#include "process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace {

[[noreturn]] void throw_errno(const char *what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::vector<char *> c_strings(const std::vector<std::string> &strings) {
  std::vector<char *> pointers;
  for (const std::string &string : strings) pointers.push_back(const_cast<char *>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Between fork and exec: only functions that are safe in a signal handler.
[[noreturn]] void become(char **command, char **environment, const char *directory, int output) {
  setpgid(0, 0);
#ifdef __linux__
  // A provisioner that is killed must not leave a command behind that goes on building.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
  signal(SIGPIPE, SIG_DFL);
  dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  fcntl(STDOUT_FILENO, F_SETFL, 0);  // our end of the pipe does not block; a command's own output does
  if (chdir(directory) == 0) {
    environ = environment;
    execvp(command[0], command);
  }
  const char *const reason = strerror(errno);
  for (const char *part : {"cannot run ", static_cast<const char *>(command[0]), ": ", reason, "\n"})
    if (write(STDERR_FILENO, part, strlen(part)) < 0) break;
  _exit(127);
}

}  // namespace

Descriptor &Descriptor::operator=(Descriptor &&other) noexcept {
  if (this != &other) {
    reset();
    number_ = other.release();
  }
  return *this;
}

int Descriptor::release() {
  const int number = number_;
  number_ = -1;
  return number;
}

void Descriptor::reset() {
  if (number_ >= 0) close(release());
}

Pipe open_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) throw_errno("pipe");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Process::Process(const std::vector<std::string> &command, const std::vector<std::string> &environment,
                 const std::filesystem::path &directory) {
  Pipe pipe = open_pipe();
  std::vector<char *> arguments = c_strings(command);
  std::vector<char *> variables = c_strings(environment);
  pid_ = fork();
  if (pid_ < 0) throw_errno("fork");
  if (pid_ == 0) become(arguments.data(), variables.data(), directory.c_str(), pipe.write.number());
  setpgid(pid_, pid_);  // here too: whoever comes first, the group exists before we signal it
  output_ = std::move(pipe.read);
}

Process::~Process() {
  if (wait_status_) return;
  signal(SIGKILL);
  waitpid(pid_, nullptr, 0);
}

std::string Process::read_output() {
  std::string output;
  char buffer[16384];
  // Bounded, so that a command that never stops writing cannot keep us from everything else.
  while (output_.number() >= 0 && output.size() < 1'048'576) {
    const ssize_t size = read(output_.number(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == EAGAIN) break;
    if (size <= 0) {
      output_.reset();
      break;
    }
    output.append(buffer, static_cast<std::size_t>(size));
  }
  return output;
}

std::optional<int> Process::wait_status() {
  if (!wait_status_) {
    // Look before reaping: as long as the leader is not reaped no other group can take over its number.
    siginfo_t info = {};
    if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == pid_) {
      signal(SIGKILL);
      int status = 0;
      waitpid(pid_, &status, 0);
      wait_status_ = status;
    }
  }
  return wait_status_;
}

void Process::signal(int number) {
  if (!wait_status_) kill(-pid_, number);
}
