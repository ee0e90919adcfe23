#include "signals.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

namespace {

volatile sig_atomic_t end_request_count = 0;
volatile sig_atomic_t wake_up_pipe = -1;

extern "C" void on_signal(int number) {
  const int interrupted_errno = errno;
  if (number != SIGCHLD) end_request_count = end_request_count + 1;
  // A full pipe is as good a wake-up as one byte more.
  [[maybe_unused]] const ssize_t written = write(wake_up_pipe, "", 1);
  errno = interrupted_errno;
}

}  // namespace

Signals::Signals() : pipe_(open_pipe()) {
  wake_up_pipe = pipe_.write.number();
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | SA_NOCLDSTOP;
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) sigaction(number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

void Signals::drain() {
  char bytes[64];
  while (read(pipe_.read.number(), bytes, sizeof bytes) > 0) continue;
}

int Signals::end_requests() { return end_request_count; }
