// One per server: keeps a worker in every database that has the extension. It is connected to the shared
// catalogs only, so it is in no database's way.
#include "core/backoff.hpp"
#include "pg/compat.hpp"
#include "pg/transaction.hpp"
#include "worker/shmem.hpp"
#include "worker/worker.hpp"

namespace prebuilds::worker {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int restart_seconds = 1;
// The hooks tell of databases that come and go; this finds what no hook saw.
constexpr Clock::duration listing_interval = 1min;
// A worker that lived that long was healthy: its end is no reason to wait before the next.
constexpr Clock::duration healthy_life = 10s;
constexpr int invalid_database = -2;  // datconnlimit after an interrupted DROP DATABASE

// A database, as pg_database has it and as far as workers went.
struct Database {
  Oid oid = InvalidOid;
  std::string name;
  bool eligible = false;  // allows connections and is no template

  BackgroundWorkerHandle *handle = nullptr;  // of the worker started last, until it is gone
  Clock::time_point asked{};                 // when a transaction or a person wanted another attempt
  Clock::time_point started{};               // the last worker
  Clock::time_point retry_at{};
  int failures = 0;     // of workers, in a row
  bool asleep = false;  // nothing to do there until someone creates or updates the extension
};

class Launcher {
 public:
  explicit Launcher(MemoryContext context) : context_(context) {}
  [[noreturn]] void run();

 private:
  void take_requests();
  void list_databases();
  void attend(Database &database);
  void start_worker(Database &database);
  void worker_ended(Database &database, Ending ending);
  void report_shortage(const char *what, const char *hint);

  MemoryContext context_;
  std::vector<Database> databases_;
  Clock::time_point next_listing_{};
  bool short_of_workers_ = false;
};

[[noreturn]] void Launcher::run() {
  static const uint32 event = pg::call([] { return pg::wait_event("PrebuildsLauncherMain"); });
  for (;;) {
    pg::check_for_interrupts();
    if (ConfigReloadPending) {
      ConfigReloadPending = false;
      pg::call([] { ProcessConfigFile(PGC_SIGHUP); });
    }
    take_requests();
    if (Clock::now() >= next_listing_) list_databases();

    Clock::time_point next = next_listing_;
    for (Database &database : databases_) {
      attend(database);
      if (database.retry_at > Clock::now()) next = std::min(next, database.retry_at);
    }
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    pg::call([&] {
      WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, std::max<long>(wait.count(), 0),
                event);
      ResetLatch(MyLatch);
    });
  }
}

void Launcher::take_requests() {
  bool databases_changed = false;
  core::BoundedSet<Oid, 64> retry;
  with_shared([&](Shared &shared) {
    std::swap(databases_changed, shared.databases_changed);
    std::swap(retry, shared.retry);
    // A process that was killed in the middle of its command has not ended its hold.
    for (Hold &hold : shared.holds)
      if (OidIsValid(hold.database) && BackendPidGetProc(hold.holder) == nullptr) hold = {};
  });
  if (databases_changed) next_listing_ = {};
  for (Database &database : databases_) {
    if (!retry.contains(database.oid)) continue;
    database.asked = Clock::now();
    database.asleep = false;
    database.failures = 0;
    database.retry_at = {};
  }
}

std::vector<Database> read_databases() {
  std::vector<Database> databases;
  struct Scan {
    Relation relation;
    TableScanDesc scan;
  };
  const Scan reading = pg::call([] {
    Relation relation = table_open(DatabaseRelationId, AccessShareLock);
    return Scan{relation, table_beginscan_catalog(relation, 0, nullptr)};
  });
  for (;;) {
    HeapTuple row = pg::call([&] { return heap_getnext(reading.scan, ForwardScanDirection); });
    if (!HeapTupleIsValid(row)) break;
    const auto *form = reinterpret_cast<Form_pg_database>(GETSTRUCT(row));
    Database database;
    database.oid = form->oid;
    database.name = NameStr(form->datname);
    database.eligible = form->datallowconn && !form->datistemplate && form->datconnlimit != invalid_database;
    databases.push_back(std::move(database));
  }
  pg::call([&] {
    table_endscan(reading.scan);
    table_close(reading.relation, AccessShareLock);
  });
  return databases;
}

void Launcher::list_databases() {
  std::vector<Database> listed;
  const auto error = pg::run_transaction("listing databases", XACT_READ_COMMITTED, context_,
                                         [&] { listed = read_databases(); });
  if (error) throw *error;
  next_listing_ = Clock::now() + listing_interval;
  MemoryContextReset(context_);

  for (Database &database : listed) {
    auto known = std::find_if(databases_.begin(), databases_.end(),
                              [&](const Database &d) { return d.oid == database.oid; });
    if (known == databases_.end()) continue;
    known->name = std::move(database.name);
    known->eligible = database.eligible;
    database = std::move(*known);
    known->handle = nullptr;
  }
  for (const Database &gone : databases_)
    if (gone.handle != nullptr) pfree(gone.handle);
  databases_ = std::move(listed);

  with_shared([&](Shared &shared) {
    for (Slot &slot : shared.slots) {
      if (!OidIsValid(slot.database) || slot.pid != 0) continue;
      const bool exists = std::any_of(databases_.begin(), databases_.end(),
                                      [&](const Database &d) { return d.oid == slot.database; });
      if (!exists) slot = {};
    }
  });
}

void Launcher::attend(Database &database) {
  pid_t pid = 0;
  bool wanted = database.eligible;
  std::optional<Ending> ending;
  // Asked first: a worker that is seen as stopped here has left its slot.
  const bool registered =
      database.handle != nullptr &&
      pg::call([&] { return GetBackgroundWorkerPid(database.handle, &pid); }) != BGWH_STOPPED;
  with_shared([&](Shared &shared) {
    if (is_held(shared, database.oid)) wanted = false;
    Slot *slot = find_slot(shared, database.oid);
    pid = slot == nullptr ? 0 : slot->pid;
    if (slot == nullptr) return;
    if (slot->stopped) wanted = false;
    if (slot->starting && !registered) {  // it did not come as far as to its slot
      slot->starting = false;
      slot->ended = true;
      slot->ending = Ending::failed;
    }
    if (slot->ended && slot->pid == 0) {
      slot->ended = false;
      ending = slot->ending;
      if (ending == Ending::no_extension && !slot->stopped) *slot = {};
    }
    // A database that became a template must be free to be copied.
    if (pid != 0 && !database.eligible) kill(pid, SIGTERM);
  });
  if (database.handle != nullptr && !registered) {
    pfree(database.handle);
    database.handle = nullptr;
  }
  if (ending) worker_ended(database, *ending);
  if (pid != 0 || registered || !wanted || database.asleep || Clock::now() < database.retry_at) return;
  start_worker(database);
}

void Launcher::worker_ended(Database &database, Ending ending) {
  switch (ending) {
    case Ending::no_extension:
    case Ending::unknown_version:
      // One that started earlier may have looked before the change that it should have seen.
      database.asleep = database.started > database.asked;
      return;
    case Ending::told: return;
    case Ending::failed: break;
  }
  if (Clock::now() - database.started >= healthy_life) database.failures = 0;
  database.retry_at = Clock::now() + core::retry_delay(database.failures++);
}

void Launcher::start_worker(Database &database) {
  const bool placed = with_shared([&](Shared &shared) {
    Slot *slot = obtain_slot(shared, database.oid);
    if (slot != nullptr) slot->starting = true;
    return slot != nullptr;
  });
  bool started = false;
  if (placed) {
    BackgroundWorker registration = worker_registration(database.oid, database.name.c_str());
    const MemoryContext previous = MemoryContextSwitchTo(TopMemoryContext);  // the handle outlives this turn
    started = pg::call([&] { return RegisterDynamicBackgroundWorker(&registration, &database.handle); });
    MemoryContextSwitchTo(previous);
  }
  if (started) {
    database.started = Clock::now();
    short_of_workers_ = false;
    return;
  }
  database.retry_at = Clock::now() + core::retry_delay(++database.failures);
  if (placed) {
    with_shared([&](Shared &shared) { find_slot(shared, database.oid)->starting = false; });
    report_shortage("there is no free background worker slot",
                    "Raise max_worker_processes and restart the server.");
  } else {
    report_shortage("too many databases with the extension in one server",
                    "The pools there are not kept filled.");
  }
}

// One line for all databases that have to wait, until a worker could be started again.
void Launcher::report_shortage(const char *what, const char *hint) {
  if (short_of_workers_) return;
  short_of_workers_ = true;
  ereport(LOG, (errmsg("pg_prebuilds launcher could not start a worker: %s", what), errhint("%s", hint)));
}

void detach_launcher(int, Datum) noexcept {
  pg::callback([] {
    with_shared([](Shared &shared) {
      if (shared.launcher_pid != MyProcPid) return;
      shared.launcher_pid = 0;
      shared.launcher_latch = nullptr;
    });
  });
}

void attach_launcher() {
  pg::call([] { before_shmem_exit(detach_launcher, Datum{0}); });
  with_shared([](Shared &shared) {
    shared.launcher_pid = MyProcPid;
    shared.launcher_latch = MyLatch;
    // Left by a launcher before this one: whether they come up shows in their slots.
    for (Slot &slot : shared.slots) slot.starting = false;
  });
}

void register_launcher() {
  BackgroundWorker worker;
  std::memset(&worker, 0, sizeof worker);
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
  worker.bgw_restart_time = restart_seconds;
  strlcpy(worker.bgw_library_name, "pg_prebuilds", BGW_MAXLEN);
  strlcpy(worker.bgw_function_name, "prebuilds_launcher_main", BGW_MAXLEN);
  strlcpy(worker.bgw_type, "pg_prebuilds launcher", BGW_MAXLEN);
  strlcpy(worker.bgw_name, "pg_prebuilds launcher", BGW_MAXLEN);
  pg::call([&] { RegisterBackgroundWorker(&worker); });
}

}  // namespace

void register_preloaded() {
  request_shared_memory();
  install_hooks();
  register_launcher();
}

}  // namespace prebuilds::worker

extern "C" {

PGDLLEXPORT void prebuilds_launcher_main(Datum argument);

void prebuilds_launcher_main(Datum argument) {
  (void)argument;
  prebuilds::pg::entry([&]() -> Datum {
    using namespace prebuilds::worker;
    pqsignal(SIGTERM, die);
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    BackgroundWorkerUnblockSignals();

    attach_launcher();
    prebuilds::pg::call([] { BackgroundWorkerInitializeConnection(nullptr, nullptr, 0); });
    const MemoryContext context = prebuilds::pg::call([] {
      return AllocSetContextCreate(TopMemoryContext, "pg_prebuilds launcher", ALLOCSET_DEFAULT_SIZES);
    });
    MemoryContextSwitchTo(context);
    ereport(LOG, (errmsg("pg_prebuilds launcher started")));
    Launcher(context).run();
  });
}

}  // extern "C"
