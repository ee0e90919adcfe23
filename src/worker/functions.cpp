// The SQL functions of the worker.
#include "pg/compat.hpp"
#include "pg/datum.hpp"
#include "pg/gucs.hpp"
#include "pg/result_set.hpp"
#include "reconciler/pass_lock.hpp"
#include "worker/locks.hpp"
#include "worker/shmem.hpp"
#include "worker/worker.hpp"
#include "worker/writers.hpp"

namespace prebuilds::worker {

namespace {

constexpr std::chrono::seconds time_limit(30);

std::string database_name() {
  return pg::call([] { return get_database_name(MyDatabaseId); });
}

// What the worker of a slot is doing, for people: "running for 12 s: full sweep".
const char *phase_name(Phase phase) {
  switch (phase) {
    case Phase::starting: return "starting";
    case Phase::idle: return "idle";
    case Phase::running: return "running";
    case Phase::failing: return "failing";
  }
  return "";
}

const char *state_name(const Slot &slot) {
  if (slot.pid != 0) return slot.stopped ? "stopping" : phase_name(slot.phase);
  if (slot.stopped) return "stopped";
  return slot.starting ? "starting" : "absent";
}

// "idle", "running, waiting for Lock:relation"
std::string describe(pid_t pid, Phase phase) {
  return pg::call([&] {
    PGPROC *process = BackendPidGetProc(pid);
    const uint32 waits = process == nullptr ? 0 : process->wait_event_info;
    const char *type = pgstat_get_wait_event_type(waits);
    const char *event = pgstat_get_wait_event(waits);
    return type == nullptr ? pstrdup(phase_name(phase))
                           : psprintf("%s, waiting for %s:%s", phase_name(phase), type, event);
  });
}

[[noreturn]] void throw_still_there(const std::string &doing) {
  throw pg::SqlError(ERRCODE_LOCK_NOT_AVAILABLE,
                     "the worker of database \"" + database_name() + "\" has not ended within " +
                         std::to_string(time_limit.count()) + " s",
                     "It is " + doing + ".", "It ends as soon as it can, and no other one is started.");
}

// f() until it is true or the time is up; woken early by the latch.
template <class F>
bool wait_until(F &&f) {
  static const uint32 event = pg::call([] { return pg::wait_event("PrebuildsWorkerStop"); });
  const auto deadline = std::chrono::steady_clock::now() + time_limit;
  while (!f()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    pg::call([&] {
      WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 20, event);
      ResetLatch(MyLatch);
    });
    pg::check_for_interrupts();
  }
  return true;
}

// ---- with shared memory: the launcher does the work ----

bool start_by_launcher() {
  bool changed = false, launcher = false;
  with_shared([&](Shared &shared) {
    Slot *slot = find_slot(shared, MyDatabaseId);
    const bool coming = slot != nullptr && (slot->pid != 0 || slot->starting);
    changed = (slot != nullptr && slot->stopped) || !(coming || shared.retry.contains(MyDatabaseId));
    if (slot != nullptr) slot->stopped = false;
    shared.retry.add(MyDatabaseId);
    launcher = shared.launcher_pid != 0;
    wake_launcher(shared);
  });
  if (!launcher)
    pg::call([] {
      ereport(WARNING, (errmsg("the launcher of pg_prebuilds is not running"),
                        errhint("If it does not come up within seconds, raise max_worker_processes and "
                                "restart the server.")));
    });
  return changed;
}

bool stop_by_slot(const std::string &cause) {
  bool placed = false, changed = false;
  with_shared([&](Shared &shared) {
    Slot *slot = obtain_slot(shared, MyDatabaseId);
    if (slot == nullptr) return;
    placed = true;
    changed = !slot->stopped;
    slot->stopped = true;
    store_text(slot->stop_cause, cause);
  });
  if (!placed)
    throw pg::SqlError(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                       "too many databases with the extension in one server");
  if (wait_for_worker_to_go(MyDatabaseId, time_limit)) return changed;

  pid_t pid = 0;
  Phase phase = Phase::starting;
  with_shared([&](Shared &shared) {
    const Slot *slot = find_slot(shared, MyDatabaseId);
    pid = slot->pid;
    phase = slot->phase;
  });
  if (pid != 0) throw_still_there(describe(pid, phase));
  return changed;
}

// ---- without: a worker that someone starts, found by the lock that it holds ----

bool start_alone() {
  if (holder_of(worker_lock_tag()) != 0) return false;
  BackgroundWorker registration = worker_registration(MyDatabaseId, database_name().c_str());
  BackgroundWorkerHandle *handle = nullptr;
  if (!pg::call([&] { return RegisterDynamicBackgroundWorker(&registration, &handle); }))
    throw pg::SqlError(ERRCODE_INSUFFICIENT_RESOURCES, "there is no free background worker slot", {},
                       "Raise max_worker_processes and restart the server.");
  bool ended = false;
  wait_until([&] {
    pid_t pid = 0;
    ended = pg::call([&] { return GetBackgroundWorkerPid(handle, &pid); }) == BGWH_STOPPED;
    return ended || holder_of(worker_lock_tag()) != 0;
  });
  if (ended)
    throw pg::SqlError(
        ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "the worker ended at once", {},
        "It must see the extension: commit CREATE EXTENSION first. The server's log says more.");
  return true;
}

bool stop_alone() {
  const LOCKTAG tag = worker_lock_tag();
  const pid_t pid = holder_of(tag);
  if (pid == 0) return false;
  kill(pid, SIGTERM);
  if (!wait_until([&] { return holder_of(tag) != pid; })) throw_still_there(describe(pid, Phase::running));
  return true;
}

bool start() {
  if (RecoveryInProgress())
    throw pg::SqlError(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "no worker runs during recovery", {},
                       "It starts when this server is promoted.");
  return available() ? start_by_launcher() : start_alone();
}

// At once, not at commit: whoever stops a worker wants what comes next to find it gone.
bool stop(const std::string &cause) {
  const bool changed = available() ? stop_by_slot(cause) : stop_alone();
  ereport(LOG, (errmsg("pg_prebuilds worker for database \"%s\" is stopped", database_name().c_str()),
                errdetail("Cause: %s", cause.empty() ? "not given" : cause.c_str())));
  return changed;
}

std::string problem_of(const Slot &slot) {
  if (!available())
    return "pg_prebuilds is not in shared_preload_libraries: no launcher, and changes wake no worker";
  return slot.problem;
}

// One row; what is not known is NULL.
void add_status(pg::ResultSet result) {
  Slot slot{};
  if (available()) {
    with_shared([&](Shared &shared) {
      if (const Slot *mine = find_slot(shared, MyDatabaseId); mine != nullptr) slot = *mine;
    });
  }
  const pid_t pid = available() ? slot.pid : holder_of(worker_lock_tag());
  const pid_t lock_holder = holder_of(reconciler::pass_lock_tag());
  const bool passed = slot.last_pass != 0;
  const reconciler::PassStats &stats = slot.last_stats;
  auto unless = [](bool unknown, auto value) { return unknown ? pg::Param(std::nullopt) : pg::Param(value); };
  result.add({
      unless(pid == 0, pid),
      RecoveryInProgress() ? "standby"
      : available()        ? state_name(slot)
      : pid != 0           ? "running"
                           : "absent",
      unless(!passed, pg::to_instant(slot.last_pass)),
      unless(!passed, stats.elapsed),
      unless(!passed, stats.presets_total),
      unless(!passed, stats.presets_reconciled),
      unless(!passed, stats.created),
      unless(!passed, stats.deleted),
      unless(!passed, stats.canceled),
      unless(!passed, stats.conflicts),
      unless(!passed, stats.errors),
      unless(!passed, stats.paused),
      unless(!passed || pid == 0, pg::to_instant(slot.next_due)),
      unless(lock_holder == 0, lock_holder),
      resolved_concurrency(),
      available(),
      unless(!slot.stopped, std::string_view(slot.stop_cause)),
      unless(problem_of(slot).empty(), problem_of(slot)),
  });
}

}  // namespace

}  // namespace prebuilds::worker

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_worker_start);
PG_FUNCTION_INFO_V1(prebuilds_worker_stop);
PG_FUNCTION_INFO_V1(prebuilds_worker_status);

// prebuilds_worker_start() returns bool
PGDLLEXPORT Datum prebuilds_worker_start(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  return pg::entry([] { return BoolGetDatum(worker::start()); });
}

// prebuilds_worker_stop(cause text) returns bool
PGDLLEXPORT Datum prebuilds_worker_stop(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    return BoolGetDatum(worker::stop(PG_ARGISNULL(0) ? std::string() : pg::to_string(PG_GETARG_DATUM(0))));
  });
}

// prebuilds_worker_status() returns setof record
PGDLLEXPORT Datum prebuilds_worker_status(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    worker::add_status(pg::ResultSet(fcinfo));
    return Datum{0};
  });
}

}  // extern "C"
