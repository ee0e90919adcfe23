#include "probe.hpp"

#include <signal.h>

#include <algorithm>
#include <string_view>
#include <system_error>

namespace {

constexpr std::chrono::seconds attempt_hangs{10};
constexpr std::chrono::milliseconds longest_pause{2000};

std::string value_of(const std::vector<std::string> &environment, std::string_view name) {
  for (const std::string &variable : environment)
    if (variable.starts_with(name) && variable[name.size()] == '=') return variable.substr(name.size() + 1);
  return "";
}

}  // namespace

Probe::Probe(JobDirectory directory, const Options &options, Clock::time_point now)
    : directory_(std::move(directory)),
      command_(options.command),
      environment_(directory_.environment()),
      workspace_id_(value_of(environment_, "PREBUILDS_WORKSPACE_ID")),
      agents_(directory_.agents()),
      give_up_at_(now + options.ready_timeout),
      next_attempt_(now) {
  command_.emplace_back("ready");
}

void Probe::advance(Clock::time_point now) {
  if (process_) {
    if (now >= hangs_at_) {
      process_->signal(SIGKILL);
      hangs_at_ = Clock::time_point::max();
    }
    const std::optional<int> status = process_->wait_status();
    log_.append(process_->read_output());
    if (status) end_attempt(now, *status == 0);
  } else if (now >= due()) {
    begin_attempt(now);
  }
}

Clock::time_point Probe::due() const {
  if (verdict_) return Clock::time_point::max();
  return process_ ? hangs_at_ : next_attempt_;
}

void Probe::begin_attempt(Clock::time_point now) {
  hangs_at_ = now + attempt_hangs;
  try {
    process_.emplace(command_, environment_, directory_.path());
  } catch (const std::system_error &error) {
    log_.append(error.what());
    end_attempt(now, false);
  }
}

void Probe::end_attempt(Clock::time_point now, bool is_ready) {
  process_.reset();
  log_.finish();
  log_.mark_sent();  // only the last line is of interest
  if (is_ready)
    verdict_ = "ready";
  else if (now >= give_up_at_)
    verdict_ = "start_timeout";
  next_attempt_ = now + pause_;
  pause_ = std::min(2 * pause_, longest_pause);
}
