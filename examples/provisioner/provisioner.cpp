#include "provisioner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace {

using std::chrono::milliseconds;

constexpr milliseconds update_interval{1000};  // heartbeat and log lines of a running job
constexpr milliseconds first_reconnect_pause{250};
constexpr milliseconds longest_reconnect_pause{10'000};

template <class... Parts>
void say(const Parts &...parts) {
  ((std::cerr << "provisioner: ") << ... << parts) << std::endl;
}

// Half to all of `pause`: a restarted server is not to be met by all its provisioners at once.
milliseconds jittered(milliseconds pause) {
  static std::minstd_rand random{std::random_device{}()};
  return pause / 2 + milliseconds(static_cast<int>(random() % static_cast<unsigned>(pause.count() / 2 + 1)));
}

// The server says that a job or an agent is not, or no longer, ours to report on.
bool is_out_of_our_hands(const postgres::StatementError &error) {
  return error.sqlstate() == "42501" || error.sqlstate() == "55000" || error.sqlstate() == "P0002";
}

// Two processes would fail each other's jobs when they register.
Descriptor lock(const std::filesystem::path &work_dir) {
  std::filesystem::create_directories(work_dir);
  Descriptor file(open((work_dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.number() < 0 || flock(file.number(), LOCK_EX | LOCK_NB) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot lock " + work_dir.string());
  return file;
}

std::string title(const Job &job) {
  return job.transition + (job.stage == "claim" ? " (claim)" : "") + " of " + job.owner_name + "/" +
         job.workspace_name;
}

}  // namespace

Provisioner::Provisioner(const Options &options)
    : options_(options),
      lock_(lock(options.work_dir)),
      now_(Clock::now()),
      next_connect_(now_),
      next_acquire_(now_) {
  for (JobDirectory &directory : JobDirectory::left_behind(options_.work_dir))
    probes_.emplace_back(std::move(directory), options_, now_);
}

void Provisioner::run() {
  while (!may_end()) {
    wait();
    now_ = Clock::now();
    obey_signals();
    advance_commands();
    try {
      converse();
    } catch (const postgres::ConnectionError &error) {
      say("lost the server, commands go on: ", error.what());
      queue_.reset();
      next_connect_ = now_;
    }
  }
}

// Sleeps until there is something to do: news on a file, or a deadline.
void Provisioner::wait() {
  std::vector<pollfd> files = {{signals_.wake_up(), POLLIN, 0}};
  Clock::time_point until = Clock::time_point::max();
  if (drained_by_ && now_ < *drained_by_) until = *drained_by_;
  if (queue_) {
    files.push_back({queue_->socket(), POLLIN, 0});
    if (!drained_by_ && static_cast<int>(runs_.size()) < options_.concurrency)
      until = std::min(until, next_acquire_);
    for (const Run &run : runs_) until = std::min(until, run.next_update);
  } else {
    until = std::min(until, next_connect_);
  }
  for (const Run &run : runs_) {
    files.push_back({run.output(), POLLIN, 0});
    until = std::min(until, run.due());
  }
  for (const Probe &probe : probes_) {
    files.push_back({probe.output(), POLLIN, 0});
    until = std::min(until, probe.due());
  }

  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
  const auto timeout = std::clamp(left, milliseconds(0), milliseconds(60'000));
  if (poll(files.data(), files.size(), static_cast<int>(timeout.count())) < 0 && errno != EINTR)
    throw std::system_error(errno, std::generic_category(), "poll");
}

void Provisioner::obey_signals() {
  signals_.drain();
  if (Signals::end_requests() > 0 && !drained_by_) {
    say("asked to end: waiting for ", runs_.size(), " running jobs");
    drained_by_ = now_ + options_.drain_timeout;
  }
  if (Signals::end_requests() > 1) drained_by_ = std::min(*drained_by_, now_);
  if (drained_by_ && now_ >= *drained_by_)
    for (Run &run : runs_) run.stop(StopReason::shutdown, now_, options_.kill_after);
}

void Provisioner::advance_commands() {
  for (Run &run : runs_) {
    if (run.has_ended()) continue;
    run.advance(now_);
    if (run.has_ended()) run.next_update = now_;
  }
  for (Probe &probe : probes_) probe.advance(now_);
}

bool Provisioner::may_end() const {
  if (!drained_by_) return false;
  // After the time-out a result that the server would not take is given up: the server learns of it from
  // the next process, which registers afresh.
  return runs_.empty() ||
         (now_ >= *drained_by_ &&
          std::all_of(runs_.begin(), runs_.end(), [](const Run &run) { return run.has_ended(); }));
}

void Provisioner::converse() {
  if (!queue_) connect();
  if (!queue_) return;
  if (queue_->take_announcements()) next_acquire_ = now_;
  settle_jobs();
  update_jobs();
  report_agents();
  acquire_jobs();
  // What arrived together with an answer makes the socket readable no more: do not go to sleep on it.
  if (queue_->take_announcements()) next_acquire_ = now_;
}

void Provisioner::connect() {
  if (now_ < next_connect_) return;
  try {
    // With nothing running here, nothing runs: also jobs that were given to a session that broke before
    // it could read them.
    queue_.emplace(options_.conninfo, options_.registration, /* fresh = */ runs_.empty());
    say(was_registered_ ? "registered again as " : "registered as ", options_.registration.name);
    was_registered_ = true;
    reconnect_pause_ = milliseconds(0);
    next_acquire_ = now_;
    return;
  } catch (const postgres::ConnectionError &error) {
    say("no connection: ", error.what());
  } catch (const postgres::StatementError &error) {
    // At the start this is a mistake that somebody should see; later the jobs that run are worth waiting.
    if (!was_registered_ && !error.is_transient()) throw;
    say("cannot register: ", error.what());
  }
  reconnect_pause_ = std::clamp(2 * reconnect_pause_, first_reconnect_pause, longest_reconnect_pause);
  next_connect_ = now_ + jittered(reconnect_pause_);
}

void Provisioner::acquire_jobs() {
  const int free = options_.concurrency - static_cast<int>(runs_.size());
  if (drained_by_ || free <= 0 || now_ < next_acquire_) return;
  next_acquire_ = now_ + options_.poll_interval;
  try {
    for (Job &job : queue_->acquire(free)) {
      say(title(job), " begins");
      // Agents of the build before are gone with this one.
      probes_.remove_if([&](Probe &probe) {
        const bool is_superseded = probe.workspace_id() == job.workspace_id;
        if (is_superseded) probe.directory().remove();
        return is_superseded;
      });
      runs_.emplace_back(std::move(job), options_).next_update = now_ + update_interval;
      if (runs_.back().has_ended()) runs_.back().next_update = now_;
    }
  } catch (const postgres::StatementError &error) {
    say("cannot acquire: ", error.what());
  }
}

void Provisioner::update_jobs() {
  for (Run &run : runs_) {
    if (run.has_ended() || now_ < run.next_update) continue;
    run.next_update = now_ + update_interval;
    try {
      const bool is_canceled = queue_->update(run.job().id, run.log().unsent());
      run.log().mark_sent();
      if (is_canceled) run.stop(StopReason::canceled, now_, options_.kill_after);
    } catch (const postgres::StatementError &error) {
      say(title(run.job()), ": ", error.what());
      if (is_out_of_our_hands(error)) run.stop(StopReason::lost, now_, options_.kill_after);
    }
  }
}

void Provisioner::settle_jobs() {
  for (auto run = runs_.begin(); run != runs_.end();) {
    if (run->has_ended() && now_ >= run->next_update && settle(*run)) {
      run = runs_.erase(run);
      next_acquire_ = now_;  // there is room again
    } else {
      ++run;
    }
  }
}

// Hands over the result of a run that has ended; false: not yet.
bool Provisioner::settle(Run &run) {
  const Job &job = run.job();
  if (run.stop_reason() == StopReason::lost) {
    run.discard();
    return true;
  }
  run.next_update = now_ + update_interval;
  try {
    if (!run.log().unsent().empty()) {
      queue_->update(job.id, run.log().unsent());
      run.log().mark_sent();
    }
    // To complete a canceled job ends it as canceled; but a delete would count as done.
    const bool ends_canceled = run.stop_reason() == StopReason::canceled && job.transition != "delete";
    if (run.failure() && !ends_canceled) {
      queue_->fail(job.id, run.failure()->message, run.failure()->code);
      say(title(job), " failed: ", run.failure()->message);
    } else {
      complete(run);
      say(title(job), run.failure() ? " is canceled" : " is complete");
    }
  } catch (const postgres::StatementError &error) {
    if (error.is_transient()) return false;
    say("the result of ", title(job), " was refused: ", error.what());
    if (!is_out_of_our_hands(error) && !run.failure()) {
      run.set_failure({error.what(), "BAD_RESULT"});
      run.next_update = now_;
      return false;
    }
  } catch (const std::system_error &error) {  // the files of the result cannot be read
    run.set_failure({error.what(), "BAD_RESULT"});
    return false;
  }

  // Agents are noted before the commit. If its answer was lost, the server has just told us that the job is
  // final; if it was made final without us, it will tell us that it does not know the agents.
  if (job.transition == "start" && run.was_started() && !run.directory().agents().empty())
    probes_.emplace_back(std::move(run.directory()), options_, now_);
  else
    run.discard();
  return true;
}

void Provisioner::complete(Run &run) {
  JobDirectory &directory = run.directory();
  postgres::Transaction transaction = queue_->begin();
  directory.note_agents(
      queue_->complete(run.job().id, directory.state(), run.failure() ? "[]" : directory.resources()));
  transaction.commit();
}

void Provisioner::report_agents() {
  for (auto probe = probes_.begin(); probe != probes_.end();) {
    if (!probe->verdict()) {
      ++probe;
      continue;
    }
    if (*probe->verdict() != "ready")
      say("workspace ", probe->workspace_id(), " never got ready: ", probe->last_line());
    try {
      for (const std::string &agent : probe->agents()) queue_->report_agent(agent, *probe->verdict());
    } catch (const postgres::StatementError &error) {
      say("agents of workspace ", probe->workspace_id(), ": ", error.what());
      if (error.is_transient()) {
        ++probe;
        continue;
      }
    }
    probe->directory().remove();
    probe = probes_.erase(probe);
  }
}
