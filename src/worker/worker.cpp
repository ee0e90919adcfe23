#include "worker/worker.hpp"

#include "core/agenda.hpp"
#include "core/backoff.hpp"
#include "pg/compat.hpp"
#include "pg/gucs.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "read_model/announcements.hpp"
#include "reconciler/pass.hpp"
#include "worker/extension.hpp"
#include "worker/locks.hpp"
#include "worker/pass_counts.hpp"
#include "worker/session.hpp"
#include "worker/shmem.hpp"
#include "worker/writers.hpp"

namespace prebuilds::worker {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Passes begin at least that far apart: changes that come in between are one pass.
constexpr Clock::duration merge_window = 5ms;
// After a pass the worker rests twice as long as it took, and no longer than this: so it is busy for a third
// of the time, and the more there is to do the more comes together.
constexpr Clock::duration longest_rest = 50ms;
// Waiting for the pass lock begins so short because whoever wakes the worker at commit may hold it a moment
// longer.
constexpr Clock::duration shortest_lock_retry = 1ms;
constexpr Clock::duration longest_lock_retry = 256ms;
constexpr Clock::duration busy_extension_retry = 200ms;
constexpr Clock::duration housekeeping_interval = 1min;
// Housekeeping goes on where it ended, and the reaper where jobs still run, as beside an old snapshot all
// that is done is still in the way. Now and then they begin anew, for what was committed late, with an
// earlier time.
constexpr Clock::duration house_inspection_interval = 10min;
// When all presets are looked at again after a pass that found an organization locked.
constexpr Clock::duration organization_retry = 1s;
// When time alone was expected to change something and did not.
constexpr core::Duration idle_due_retry = 1s;

constinit pg::Statement running_since("SELECT prebuilds.running_since($1, pg_catalog.clock_timestamp())",
                                      TIMESTAMPTZOID);
constinit pg::Statement reap_jobs(
    "SELECT count(*) FROM prebuilds.reap_jobs(pg_catalog.clock_timestamp(), $1)", TIMESTAMPTZOID);
// In batches so small that a pass that is due hardly waits: 500 rows of a kind take some 5 ms, of all kinds
// 20 ms.
constinit pg::Statement keep_history(R"sql(
  SELECT b::text, b.more
    FROM prebuilds.keep_house_batch(
             coalesce($1::prebuilds.house_progress, prebuilds.house_start()), pg_catalog.clock_timestamp(), 500) AS b
)sql",
                                     TEXTOID);

constinit Oid my_database = InvalidOid;
constinit Ending my_ending = Ending::failed;

core::Instant wall_clock() { return pg::to_instant(GetCurrentTimestamp()); }

// f(Slot &) for the slot of this worker, when there is shared memory.
template <class F>
void with_my_slot(F &&f) {
  if (!available()) return;
  with_shared([&](Shared &shared) {
    if (Slot *slot = find_slot(shared, my_database); slot != nullptr) f(*slot);
  });
}

bool told_to_go() {
  return available() && with_shared([](Shared &shared) {
           const Slot *slot = find_slot(shared, my_database);
           return slot == nullptr || slot->stopped || is_held(shared, my_database);
         });
}

// PostgreSQL runs exit callbacks backwards: registered before the connection is made, this one comes when the
// last transaction has been rolled back and its locks are free.
void detach(int, Datum) noexcept {
  pg::callback([] {
    const bool gone = with_shared([](Shared &shared) {
      Slot *slot = find_slot(shared, my_database);
      if (slot == nullptr || slot->pid != MyProcPid) return false;
      slot->pid = 0;
      slot->latch = nullptr;
      slot->ended = true;
      slot->ending = my_ending;
      wake_launcher(shared);
      return true;
    });
    if (gone) ConditionVariableBroadcast(&detail::shared->worker_gone);
  });
}

// Takes the slot of the database. False: this worker is not wanted any more, or there is one already.
bool attach() {
  if (!available()) return true;
  pg::call([] { before_shmem_exit(detach, Datum{0}); });
  return with_shared([](Shared &shared) {
    Slot *slot = obtain_slot(shared, my_database);
    if (slot == nullptr || slot->pid != 0) return false;
    slot->starting = false;
    slot->phase = Phase::starting;
    slot->phase_since = GetCurrentTimestamp();
    if (slot->stopped || is_held(shared, my_database)) {
      slot->ended = true;
      slot->ending = Ending::told;
      return false;
    }
    slot->pid = MyProcPid;
    slot->latch = MyLatch;
    slot->ended = false;
    slot->wake.presets.clear();  // the first pass is a sweep
    return true;
  });
}

// Lets a shutdown end the worker. A cancel that comes between two transactions has nothing to cancel.
void handle_interrupts_while_idle() {
  pg::call([] {
    QueryCancelHoldoffCount = QueryCancelHoldoffCount + 1;
    CHECK_FOR_INTERRUPTS();
    QueryCancelPending = false;
    QueryCancelHoldoffCount = QueryCancelHoldoffCount - 1;
  });
}

class Worker {
 public:
  explicit Worker(MemoryContext context) : context_(context) {}

  // Finds its place in the database; what keeps it from working there.
  std::optional<Ending> begin();
  Ending run();

 private:
  using TimePoint = Clock::time_point;

  std::optional<Ending> turn();
  std::optional<Ending> leave_if_not_here(Presence presence);
  void finish_pass(const reconciler::WorkerTurn &done, bool sweep, bool all,
                   std::span<const core::Uuid> presets, TimePoint began, core::Instant began_at);
  void fail(const pg::SqlError &error);
  void report(std::string &known, const char *what, const pg::SqlError &error);
  void keep_house();
  void announce(std::span<const std::int64_t> queues, bool all);
  void follow_reload();
  void sleep_until(TimePoint when);
  void show(Phase phase);

  TimePoint next_turn() const;
  std::vector<core::Uuid> presets_to_look_at(core::Instant now) const;

  MemoryContext context_;  // current between transactions, reset after each turn
  TimePoint next_sweep_{};
  TimePoint next_over_all_ = TimePoint::max();  // another pass over all presets
  TimePoint next_reaping_{};
  TimePoint next_housekeeping_{};
  TimePoint next_house_inspection_{};
  std::optional<core::Instant> running_since_;  // no job runs longer, as far as is known
  std::optional<std::string> house_progress_;   // where the next batch goes on; empty: at the beginning
  TimePoint not_before_{};                      // no pass begins earlier
  core::Agenda agenda_;                         // presets that time alone changes
  WakeSet kept_;                                // taken from the slot, not dealt with yet
  Clock::duration lock_retry_ = shortest_lock_retry;
  int failures_ = 0;          // of passes, in a row
  std::string pass_problem_;  // the last error of a pass that was logged; empty: none since
  std::string housekeeping_problem_;
  std::optional<std::string> standstill_;  // why no pass acts: disabled, held or paused
};

std::optional<Ending> Worker::begin() {
  Presence presence = Presence::gone;
  bool alone = false;
  const auto error = pg::run_transaction("starting", XACT_READ_COMMITTED, context_, [&] {
    presence = lock_extension();
    alone = try_worker_lock();
  });
  if (error && told_to_go()) return Ending::told;
  if (error) throw *error;
  if (!alone)
    throw pg::SqlError(ERRCODE_OBJECT_IN_USE,
                       std::string("another worker serves database \"") + MyBgworkerEntry->bgw_extra + "\"");
  if (presence == Presence::gone) {
    ereport(DEBUG1,
            (errmsg("there is no extension pg_prebuilds in database \"%s\"", MyBgworkerEntry->bgw_extra)));
    return Ending::no_extension;
  }
  if (const auto ending = leave_if_not_here(presence)) return ending;
  ereport(LOG, (errmsg("pg_prebuilds worker for database \"%s\" started", MyBgworkerEntry->bgw_extra)));
  return std::nullopt;
}

Ending Worker::run() {
  for (;;) {
    handle_interrupts_while_idle();
    if (told_to_go()) return Ending::told;
    follow_reload();
    const TimePoint now = Clock::now();
    const TimePoint turn_at = next_turn();
    if (now >= turn_at) {
      if (const auto ending = turn()) return *ending;
    } else if (now >= next_housekeeping_) {
      keep_house();
    } else {
      sleep_until(std::min(turn_at, next_housekeeping_));
    }
  }
}

Worker::TimePoint Worker::next_turn() const {
  bool woken = !kept_.empty();
  with_my_slot([&](const Slot &slot) { woken = woken || !slot.wake.empty(); });
  TimePoint when = std::min(next_sweep_, next_over_all_);
  if (woken) {
    when = TimePoint::min();
  } else if (const auto due = agenda_.next()) {
    // At least as far away as the clock on the wall says, which may be set back and forth.
    const core::Duration wait = core::elapsed(wall_clock(), *due);
    if (wait < std::chrono::hours(24)) when = std::min(when, Clock::now() + wait);
  }
  return std::max(when, not_before_);
}

// Those that something happened to, and those that are due, without any twice.
std::vector<core::Uuid> Worker::presets_to_look_at(core::Instant now) const {
  std::vector<core::Uuid> presets = agenda_.due(now);
  presets.insert(presets.end(), kept_.presets.items().begin(), kept_.presets.items().end());
  std::sort(presets.begin(), presets.end());
  presets.erase(std::unique(presets.begin(), presets.end()), presets.end());
  return presets;
}

std::optional<Ending> Worker::turn() {
  with_my_slot([&](Slot &slot) {
    kept_.merge(slot.wake);
    slot.wake.clear();
  });
  const TimePoint began = Clock::now();
  const core::Instant began_at = wall_clock();
  const bool sweep = began >= next_sweep_;
  const bool all = sweep || began >= next_over_all_ || kept_.presets.everything();
  const std::vector<core::Uuid> presets = presets_to_look_at(began_at);
  const std::vector<std::int64_t> queues(kept_.job_queues.items().begin(), kept_.job_queues.items().end());
  const bool all_queues = kept_.job_queues.everything();
  const bool jobs_posted = !kept_.job_queues.empty();
  const std::string activity = sweep             ? "full sweep"
                               : all             ? "pass over all presets"
                               : presets.empty() ? "announcing jobs"
                                                 : "pass over " + std::to_string(presets.size()) + " presets";

  show(Phase::running);
  Presence presence = Presence::gone;
  std::optional<reconciler::WorkerTurn> done;
  const auto error = pg::run_transaction(activity.c_str(), XACT_REPEATABLE_READ, context_, [&] {
    presence = lock_extension();
    if (presence != Presence::here) return;
    // After a failure alone: what keeps writers from their part must not keep the pools from being filled.
    const reconciler::Writers writers = failures_ == 0 ? write_by_several : nullptr;
    if (all || !presets.empty())
      done = reconciler::worker_pass(all ? std::span<const core::Uuid>{} : presets, sweep, writers);
    if (jobs_posted) announce(queues, all_queues);
  });

  if (!error && presence == Presence::busy) {
    not_before_ = Clock::now() + busy_extension_retry;
  } else if (!error && presence != Presence::here) {
    return leave_if_not_here(presence);
  } else if (error) {
    if (told_to_go()) return Ending::told;
    fail(*error);
    // What a failing pool keeps from working must not keep other people's jobs waiting.
    if (jobs_posted && !pg::run_transaction("announcing jobs", XACT_READ_COMMITTED, context_,
                                            [&] { announce(queues, all_queues); }))
      kept_.job_queues.clear();
  } else {
    kept_.job_queues.clear();
    if (done) finish_pass(*done, sweep, all, presets, began, began_at);
  }
  show(failures_ > 0 ? Phase::failing : Phase::idle);
  pg::call([&] { pgstat_report_stat(/* force = */ sweep); });
  MemoryContextReset(context_);
  return std::nullopt;
}

std::optional<Ending> Worker::leave_if_not_here(Presence presence) {
  const char *database = MyBgworkerEntry->bgw_extra;
  if (presence == Presence::gone) {
    ereport(LOG,
            (errmsg("pg_prebuilds worker for database \"%s\" ends: the extension was dropped", database)));
    return Ending::no_extension;
  }
  if (presence == Presence::unknown_version) {
    ereport(
        LOG,
        (errmsg("pg_prebuilds worker for database \"%s\" ends: it is made for version %s of the extension",
                database, PREBUILDS_VERSION),
         errhint("Run ALTER EXTENSION pg_prebuilds UPDATE, or restart the server if it "
                 "runs an older library.")));
    return Ending::unknown_version;
  }
  return std::nullopt;
}

void Worker::finish_pass(const reconciler::WorkerTurn &done, bool sweep, bool all,
                         std::span<const core::Uuid> presets, TimePoint began, core::Instant began_at) {
  const TimePoint now = Clock::now();
  if (!done.stats.lock_acquired) {
    not_before_ = now + lock_retry_;
    lock_retry_ = std::min(lock_retry_ * 2, longest_lock_retry);
    return;
  }
  lock_retry_ = shortest_lock_retry;
  not_before_ = std::max(began + merge_window, now + std::min(2 * (now - began), longest_rest));
  kept_.presets.clear();
  const std::vector<core::Uuid> were_due = agenda_.due(began_at);
  if (sweep) next_sweep_ = began + std::chrono::milliseconds(pg::guc::reconciliation_interval_ms);
  if (all) {
    next_over_all_ = TimePoint::max();
    agenda_.clear();
  }
  agenda_.settle(presets);
  const bool did_something = done.stats.created + done.stats.deleted + done.stats.canceled > 0;
  for (const auto &[preset, at] : done.due) {
    const bool in_vain = !did_something && std::binary_search(were_due.begin(), were_due.end(), preset);
    agenda_.expect(preset, in_vain ? std::max(at, core::later(began_at, idle_due_retry)) : at);
  }
  if (done.organizations_busy) next_over_all_ = std::min(next_over_all_, now + organization_retry);

  if (failures_ > 0) {
    ereport(LOG,
            (errmsg("pg_prebuilds worker for database \"%s\" has recovered", MyBgworkerEntry->bgw_extra)));
    failures_ = 0;
    pass_problem_.clear();
  }
  if (done.standstill != standstill_) {
    standstill_ = done.standstill;
    ereport(LOG, (errmsg("reconciliation in database \"%s\" %s", MyBgworkerEntry->bgw_extra,
                         standstill_ ? ("is " + *standstill_).c_str() : "goes on")));
  }
  with_my_slot([&](Slot &slot) {
    slot.last_pass = pg::to_timestamptz(began_at);
    slot.last_stats = done.stats;
    const TimePoint over_all = std::min(next_sweep_, next_over_all_);
    core::Instant next =
        core::later(wall_clock(), std::chrono::duration_cast<core::Duration>(over_all - now));
    if (const auto due = agenda_.next()) next = std::min(next, *due);
    slot.next_due = pg::to_timestamptz(next);
    slot.problem[0] = '\0';
  });
}

void Worker::fail(const pg::SqlError &error) {
  failures_++;
  count_pass(reconciler::PassOutcome::failed);
  const core::Duration delay = core::retry_delay(failures_);
  not_before_ = Clock::now() + delay;
  with_my_slot([&](Slot &slot) { store_text(slot.problem, error.message); });
  report(pass_problem_, "make its pass", error);
}

// Logs an error unless it is the one logged last.
void Worker::report(std::string &known, const char *what, const pg::SqlError &error) {
  if (error.message == known) return;
  known = error.message;
  ereport(LOG, (errcode(error.sqlstate),
                errmsg("pg_prebuilds worker for database \"%s\" could not %s: %s", MyBgworkerEntry->bgw_extra,
                       what, error.message.c_str()),
                error.detail.empty() ? 0 : errdetail("%s", error.detail.c_str()),
                error.hint.empty() ? 0 : errhint("%s", error.hint.c_str())));
}

void Worker::announce(std::span<const std::int64_t> queues, bool all) {
  if (all) {
    const pg::SpiSession spi;
    read_model::announce_all();
  } else {
    read_model::announce(queues);
  }
}

// One batch. While there are more, passes that are due come in between.
void Worker::keep_house() {
  const TimePoint now = Clock::now();
  const bool reaps = now >= next_reaping_;
  show(Phase::running);
  if (now >= next_house_inspection_) {
    next_house_inspection_ = now + house_inspection_interval;
    running_since_.reset();
    house_progress_.reset();
  }
  std::optional<pg::SqlError> error;
  if (reaps) {
    next_reaping_ = now + housekeeping_interval;
    error = pg::run_transaction("reaping jobs", XACT_READ_COMMITTED, context_, [&] {
      if (lock_extension() != Presence::here) return;
      const pg::SpiSession spi;
      running_since.run({running_since_}).first([&](pg::Row &row) { running_since_ = row.instant(); });
      reap_jobs.run({running_since_});
    });
  }
  std::optional<std::string> progress;
  bool more = false;
  const auto folding = pg::run_transaction("folding metrics", XACT_READ_COMMITTED, context_, [&] {
    if (lock_extension() != Presence::here) return;
    const pg::SpiSession spi;
    keep_history.run({house_progress_}).first([&](pg::Row &row) {
      progress = row.optional_text();
      more = row.boolean();
    });
  });
  house_progress_ = folding ? std::nullopt : progress;
  next_housekeeping_ = more && !folding ? now : next_reaping_;
  if (!error) error = folding;
  if (error) {
    if (!told_to_go()) report(housekeeping_problem_, "keep house", *error);
  } else if (reaps) {
    housekeeping_problem_.clear();
  }
  show(failures_ > 0 ? Phase::failing : Phase::idle);
  MemoryContextReset(context_);
}

void Worker::follow_reload() {
  if (!ConfigReloadPending) return;
  ConfigReloadPending = false;
  pg::call([] { ProcessConfigFile(PGC_SIGHUP); });
  next_sweep_ = {};  // any setting may change what the pools need
}

void Worker::sleep_until(TimePoint when) {
  static const uint32 event = pg::call([] { return pg::wait_event("PrebuildsWorkerMain"); });
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now());
  pg::call([&] {
    WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, std::max<long>(wait.count(), 0),
              event);
    ResetLatch(MyLatch);
  });
}

void Worker::show(Phase phase) {
  with_my_slot([&](Slot &slot) {
    slot.phase = phase;
    slot.phase_since = GetCurrentTimestamp();
  });
}

}  // namespace

BackgroundWorker worker_registration(Oid database, const char *name) {
  BackgroundWorker worker;
  std::memset(&worker, 0, sizeof worker);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  // Whether there should be another one is for the launcher to say: the database may be gone.
  worker.bgw_restart_time = BGW_NEVER_RESTART;
  worker.bgw_main_arg = ObjectIdGetDatum(database);
  worker.bgw_notify_pid = MyProcPid;
  strlcpy(worker.bgw_library_name, "pg_prebuilds", BGW_MAXLEN);
  strlcpy(worker.bgw_function_name, "prebuilds_worker_main", BGW_MAXLEN);
  strlcpy(worker.bgw_type, worker_type, BGW_MAXLEN);
  strlcpy(worker.bgw_name, worker_type, BGW_MAXLEN);
  strlcpy(worker.bgw_extra, name, BGW_EXTRALEN);
  return worker;
}

bool wait_for_worker_to_go(Oid database, std::chrono::seconds limit) {
  static const uint32 event = pg::call([] { return pg::wait_event("PrebuildsWorkerStop"); });
  const auto deadline = Clock::now() + limit;
  Clock::time_point next_cancel{};
  bool gone = false;
  for (;;) {
    pid_t pid = 0;
    const bool cancel = Clock::now() >= next_cancel;
    with_shared([&](Shared &shared) {
      Slot *slot = find_slot(shared, database);
      pid = slot == nullptr ? 0 : slot->pid;
      if (pid == 0 || !cancel) return;
      kill(pid, SIGINT);  // under the lock: the process cannot be gone, and its id another's
      wake_worker(*slot);
    });
    if (cancel) next_cancel = Clock::now() + 1s;
    gone = pid == 0;
    if (gone || Clock::now() >= deadline) break;
    pg::call([&] { ConditionVariableTimedSleep(&detail::shared->worker_gone, 100, event); });
  }
  pg::call([] { ConditionVariableCancelSleep(); });
  return gone;
}

}  // namespace prebuilds::worker

extern "C" {

PGDLLEXPORT void prebuilds_worker_main(Datum database);

void prebuilds_worker_main(Datum database) {
  prebuilds::pg::entry([&] {
    using namespace prebuilds::worker;
    // Unlike the default handler, die() respects critical sections.
    pqsignal(SIGTERM, die);
    pqsignal(SIGINT, SIG_IGN);  // nothing to cancel yet
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();

    my_database = DatumGetObjectId(database);
    if (!attach()) return Datum{0};
    prebuilds::pg::call([] { BackgroundWorkerInitializeConnectionByOid(my_database, InvalidOid, 0); });
    pqsignal(SIGINT, StatementCancelHandler);
    override_session_settings(worker_type);
    const MemoryContext context = prebuilds::pg::call([] {
      return AllocSetContextCreate(TopMemoryContext, "pg_prebuilds worker turn", ALLOCSET_DEFAULT_SIZES);
    });
    MemoryContextSwitchTo(context);

    Worker worker(context);
    const auto ending = worker.begin();
    my_ending = ending ? *ending : worker.run();
    return Datum{0};
  });
}

}  // extern "C"
