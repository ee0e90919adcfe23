#include "worker/writers.hpp"

#include <map>

#include "pg/gucs.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"
#include "reconciler/pass_lock.hpp"
#include "worker/extension.hpp"
#include "worker/session.hpp"
#include "worker/shmem.hpp"
#include "worker/wakeup.hpp"

namespace prebuilds::worker {

namespace {

constexpr const char *writer_type = "pg_prebuilds writer";
constexpr int most_writers = 64;

// Below that a process of its own, which has to start and to plan its statements, is no gain.
constexpr int prebuilds_worth_a_writer = 1000;

// ---- what leader and writers share, in dynamic shared memory ----

enum class Outcome { none, written, failed };  // none: it has not ended, or not by itself

// Neighbours among the plans, and what became of them.
struct Part {
  int first;
  int count;
  Outcome outcome;
  reconciler::PassStats stats;  // when written
  bool recorded;                // it left a row in reconcile_passes
  core::Uuid pass;              // which one
  int sqlstate;                 // when failed
  char message[512];
};

// What the leader decided for a preset, as far as a writer cannot know: the cap is over all presets.
struct Grant {
  core::Uuid preset;
  int creates;
};

struct Assignment {
  char snapshot[64];
  core::Instant now;
  std::array<Part, most_writers> parts;
  int grant_count;
  int relation_count;

  // Behind it lie a grant for each plan and the relations that the leader has locked.
  static std::size_t size(std::size_t grants, std::size_t relations) {
    return sizeof(Assignment) + grants * sizeof(Grant) + relations * sizeof(Oid);
  }
  std::span<Grant> grants() {
    return {reinterpret_cast<Grant *>(this + 1), static_cast<std::size_t>(grant_count)};
  }
  std::span<Oid> relations() {
    return {reinterpret_cast<Oid *>(grants().data() + grant_count), static_cast<std::size_t>(relation_count)};
  }
};
static_assert(std::is_trivially_copyable_v<Assignment>);

// In bgw_extra of a writer; the handle of its assignment is in bgw_main_arg.
struct Identity {
  Oid database;
  int part;
};

// ---- the leader ----

// The leader's writers, from the moment when they were started until they have ended.
constinit std::array<BackgroundWorkerHandle *, most_writers> writers{};
constinit int writer_count = 0;

// An error, a cancel, a shutdown of the leader: the locks of its transaction, and with them its place in the
// database, are free only when nobody writes for it any more.
void end_writers_with_transaction(XactEvent event, void *) noexcept {
  pg::callback([&] {
    if (event != XACT_EVENT_ABORT) return;
    const int count = std::exchange(writer_count, 0);
    for (int i = 0; i < count; i++) TerminateBackgroundWorker(writers[i]);
    for (int i = 0; i < count; i++) {
      pg::call([&] { WaitForBackgroundWorkerShutdown(writers[i]); });
      pfree(writers[i]);
    }
  });
}

// False: there is no free slot for a background worker.
bool start_writer(dsm_handle assignment, int part) {
  static constinit bool registered = false;
  if (!registered) {
    pg::call([] { RegisterXactCallback(end_writers_with_transaction, nullptr); });
    registered = true;
  }
  BackgroundWorker registration;
  std::memset(&registration, 0, sizeof registration);
  registration.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
  registration.bgw_start_time = BgWorkerStart_RecoveryFinished;
  registration.bgw_restart_time = BGW_NEVER_RESTART;
  registration.bgw_main_arg = UInt32GetDatum(assignment);
  registration.bgw_notify_pid = MyProcPid;
  const Identity identity{MyDatabaseId, part};
  static_assert(sizeof identity <= BGW_EXTRALEN);
  std::memcpy(registration.bgw_extra, &identity, sizeof identity);
  strlcpy(registration.bgw_library_name, "pg_prebuilds", BGW_MAXLEN);
  strlcpy(registration.bgw_function_name, "prebuilds_writer_main", BGW_MAXLEN);
  strlcpy(registration.bgw_type, writer_type, BGW_MAXLEN);
  strlcpy(registration.bgw_name, writer_type, BGW_MAXLEN);
  const MemoryContext previous =
      MemoryContextSwitchTo(TopMemoryContext);  // for the handle, until the writer has ended
  const bool started =
      pg::call([&] { return RegisterDynamicBackgroundWorker(&registration, &writers[writer_count]); });
  MemoryContextSwitchTo(previous);
  if (started) writer_count++;
  return started;
}

void wait_for_writers() {
  for (int i = 0; i < writer_count; i++) {
    if (pg::call([&] { return WaitForBackgroundWorkerShutdown(writers[i]); }) != BGWH_STOPPED)
      throw pg::SqlError(ERRCODE_ADMIN_SHUTDOWN, "the postmaster is gone");
  }
  for (int i = 0; i < writer_count; i++) pfree(writers[i]);
  writer_count = 0;
}

// The assignment's memory; an error leaves it to the transaction's resource owner.
class Segment {
 public:
  explicit Segment(std::size_t size)
      : segment_(pg::call([&] { return dsm_create(size, DSM_CREATE_NULL_IF_MAXSEGMENTS); })) {
    if (segment_ != nullptr) std::memset(address(), 0, size);
  }
  ~Segment() {
    if (segment_ != nullptr && std::uncaught_exceptions() == exceptions_) dsm_detach(segment_);
  }
  Segment(const Segment &) = delete;
  Segment &operator=(const Segment &) = delete;

  bool exists() const { return segment_ != nullptr; }
  void *address() const { return dsm_segment_address(segment_); }
  dsm_handle handle() const { return dsm_segment_handle(segment_); }

 private:
  dsm_segment *segment_;
  int exceptions_ = std::uncaught_exceptions();
};

int creates_of(const core::Decision &decision) {
  for (const core::Action &action : decision.actions) {
    if (action.kind == core::ActionKind::create) return action.count;
  }
  return 0;
}

int writes_of(const core::PresetPlan &plan) {
  int writes = 0;
  for (const core::Action &action : plan.decision.actions) writes += action.count;
  return writes;
}

// At most so many parts, each with about as much to write as any other.
std::vector<Part> divide(std::span<const core::PresetPlan> plans, std::int64_t writes,
                         std::int64_t most_parts) {
  std::vector<Part> parts;
  int first = 0;
  std::int64_t written = 0;
  for (int i = 0; i < std::ssize(plans); i++) {
    written += writes_of(plans[i]);
    const bool last = i + 1 == std::ssize(plans);
    const bool full =
        written * most_parts >= writes * (std::ssize(parts) + 1) && std::ssize(parts) + 1 < most_parts;
    if (!last && !full) continue;
    Part part{};
    part.first = first;
    part.count = i + 1 - first;
    parts.push_back(part);
    first = i + 1;
  }
  return parts;
}

// Tables and indexes, without those of the system's catalogs.
std::vector<Oid> relations_locked_by_me() {
  std::vector<Oid> relations;
  const LockData *locks = pg::call([] { return GetLockStatusData(); });
  for (int i = 0; i < locks->nelements; i++) {
    const LockInstanceData &lock = locks->locks[i];
    if (lock.pid == MyProcPid && lock.holdMask != 0 && lock.locktag.locktag_type == LOCKTAG_RELATION &&
        lock.locktag.locktag_field1 == MyDatabaseId && lock.locktag.locktag_field2 >= FirstNormalObjectId)
      relations.push_back(lock.locktag.locktag_field2);
  }
  return relations;
}

void add(reconciler::PassStats &sum, const reconciler::PassStats &part) {
  sum.created += part.created;
  sum.deleted += part.deleted;
  sum.canceled += part.canceled;
  sum.conflicts += part.conflicts;
  sum.errors += part.errors;
}

// ---- a writer ----

// Behind a command that waits for a table which the leader has locked a writer would wait for the leader,
// which waits for it at its latch, where nobody sees the circle. So it locks what the leader has locked,
// without waiting: whoever comes then waits for both.
void lock_like_leader(Assignment &assignment) {
  if (lock_extension() != Presence::here)
    throw pg::SqlError(ERRCODE_LOCK_NOT_AVAILABLE, "somebody is changing the extension");
  for (const Oid relation : assignment.relations()) {
    if (!pg::call([&] { return ConditionalLockRelationOid(relation, AccessShareLock); }))
      throw pg::SqlError(ERRCODE_LOCK_NOT_AVAILABLE,
                         "somebody waits for a lock on a table that the pass has read");
  }
}

// Decides once more, from the same snapshot and so the same, but for the cap.
void write_plans(Assignment &assignment, Part &part) {
  const core::Instant begin = pg::to_instant(GetCurrentTimestamp());
  std::vector<reconciler::Pool> pools;
  std::map<core::Uuid, int> creates;
  for (const Grant &grant : assignment.grants().subspan(part.first, part.count)) {
    pools.push_back({grant.preset, {}, {}});
    creates[grant.preset] = grant.creates;
  }
  reconciler::Plan plan = reconciler::plan_pools(pools, assignment.now, reconciler::Reader::pass);
  reconciler::PassStats stats;
  for (core::PresetPlan &each : plan.plans) {
    for (core::Action &action : each.decision.actions) {
      if (action.kind == core::ActionKind::create)
        action.count = std::min(action.count, creates[each.preset->id]);
    }
    if (!each.decision.can_skip) stats.presets_total++;
    if (!each.decision.actions.empty()) stats.presets_reconciled++;
  }
  const Unnoted unnoted;
  const auto pass = reconciler::apply_and_record(plan.plans, {}, begin, assignment.now, stats);
  part.stats = stats;
  part.recorded = pass.has_value();
  if (pass) part.pass = *pass;
}

void write_part(Assignment &assignment, Part &part) {
  const MemoryContext context = pg::call(
      [] { return AllocSetContextCreate(TopMemoryContext, "pg_prebuilds writer", ALLOCSET_DEFAULT_SIZES); });
  MemoryContextSwitchTo(context);
  const auto error = pg::run_transaction("writing a part of a pass", XACT_REPEATABLE_READ, context, [&] {
    if (!reconciler::join_pass_lock()) throw pg::SqlError(ERRCODE_LOCK_NOT_AVAILABLE, "the pass is over");
    lock_like_leader(assignment);
    pg::call([&] {
      ImportSnapshot(assignment.snapshot);
      PushActiveSnapshot(GetTransactionSnapshot());
    });
    {
      const pg::StatementSettings settings;
      const pg::SpiSession session;
      write_plans(assignment, part);
    }
    pg::call([] { PopActiveSnapshot(); });
  });
  if (error) {
    part.sqlstate = error->sqlstate;
    store_text(part.message, error->message);
  }
  part.outcome = error ? Outcome::failed : Outcome::written;
}

}  // namespace

int resolved_concurrency() {
  const int setting = pg::guc::reconciliation_concurrency;
  return setting > 0 ? setting : std::clamp(max_worker_processes / 2, 1, most_writers);
}

reconciler::Written write_by_several(std::span<const core::PresetPlan> plans, core::Instant now) {
  std::int64_t writes = 0;
  for (const core::PresetPlan &plan : plans) writes += writes_of(plan);
  const std::vector<Part> parts = divide(
      plans, writes, std::min<std::int64_t>(resolved_concurrency(), writes / prebuilds_worth_a_writer));
  if (parts.size() < 2) return {};

  const std::vector<Oid> relations = relations_locked_by_me();
  const Segment segment(Assignment::size(plans.size(), relations.size()));
  if (!segment.exists()) return {};
  auto &assignment = *static_cast<Assignment *>(segment.address());
  strlcpy(assignment.snapshot, pg::call([] { return ExportSnapshot(GetActiveSnapshot()); }),
          sizeof assignment.snapshot);
  assignment.now = now;
  assignment.grant_count = static_cast<int>(plans.size());
  assignment.relation_count = static_cast<int>(relations.size());
  std::copy(parts.begin(), parts.end(), assignment.parts.begin());
  for (std::size_t i = 0; i < plans.size(); i++)
    assignment.grants()[i] = {plans[i].preset->id, creates_of(plans[i].decision)};
  std::copy(relations.begin(), relations.end(), assignment.relations().begin());

  reconciler::share_pass_lock();
  std::size_t started = 0;
  while (started < parts.size() && start_writer(segment.handle(), static_cast<int>(started))) started++;
  wait_for_writers();

  reconciler::Written written;
  for (const Part &part : std::span(assignment.parts).first(started)) {
    if (part.outcome == Outcome::failed) throw pg::SqlError(part.sqlstate, part.message);
    // Whether it has still committed cannot be known: only the next pass, which looks again, may write its
    // part.
    if (part.outcome == Outcome::none)
      throw pg::SqlError(ERRCODE_OPERATOR_INTERVENTION, "a process that wrote a part of the pass was ended");
    written.plans += static_cast<std::size_t>(part.count);
    add(written.stats, part.stats);
    if (part.recorded) written.passes.push_back(part.pass);
  }
  return written;
}

}  // namespace prebuilds::worker

extern "C" {

PGDLLEXPORT void prebuilds_writer_main(Datum handle);

void prebuilds_writer_main(Datum handle) {
  prebuilds::pg::entry([&] {
    using namespace prebuilds;
    pqsignal(SIGTERM, die);
    BackgroundWorkerUnblockSignals();
    worker::Identity identity;
    std::memcpy(&identity, MyBgworkerEntry->bgw_extra, sizeof identity);
    pg::call([&] { BackgroundWorkerInitializeConnectionByOid(identity.database, InvalidOid, 0); });
    worker::override_session_settings(worker::writer_type);

    // Without a resource owner the mapping lasts as long as the process.
    dsm_segment *segment = pg::call([&] { return dsm_attach(DatumGetUInt32(handle)); });
    if (segment == nullptr) return Datum{0};  // the leader is gone
    auto &assignment = *static_cast<worker::Assignment *>(dsm_segment_address(segment));
    worker::write_part(assignment, assignment.parts[identity.part]);
    return Datum{0};
  });
}

}  // extern "C"
