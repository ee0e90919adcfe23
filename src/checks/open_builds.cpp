// Keeps workspace_builds.open, on which a unique index lets a workspace have one build at work: open means
// that the job is not final.
//
// The flag must be right when the row gets into that index, so a row trigger looks at the job before the
// build is stored, and a statement trigger on jobs clears or sets the flag in the statement that changes the
// job. Rows that are replicated, or loaded as if they were, come without foreign keys and to row triggers
// only: there the job may come after its build, and a row trigger follows it.
//
// Two sessions do not see each other's rows: one stores a build of a committed job, the other finishes that
// job. So the first locks a job that is not its own transaction's FOR SHARE, which an update of the job
// conflicts with. Either the update comes first, and the build sees its outcome after the wait; or the build
// does, and the update waits, then finds the build on the latest snapshot.
#include <vector>

#include "metrics/finished_builds.hpp"
#include "pg/compat.hpp"
#include "pg/index_scan.hpp"
#include "pg/owner.hpp"
#include "pg/spi.hpp"
#include "pg/trigger.hpp"

using namespace prebuilds;

namespace {

enum class Job { missing, unfinished, final };

// The job as it is now, whatever the snapshot: committed by anyone, or written by this transaction, be it in
// the running statement. Once found it does not change until this transaction ends, unless by this
// transaction.
Job look_up(const core::Uuid &id) {
  return pg::call([&] {
    Relation jobs = table_open(pg::relation_oid("provisioner_jobs"), RowShareLock);
    Relation index = index_open(pg::relation_oid("provisioner_jobs_pkey"), AccessShareLock);
    TupleTableSlot *row = table_slot_create(jobs, nullptr);
    IndexScanDesc scan = pg::index_beginscan_compat(jobs, index, SnapshotSelf, 1);
    ScanKeyData equal = pg::uuid_key(1, id);
    index_rescan(scan, &equal, 1, nullptr, 0);
    bool null = false;
    bool found = index_getnext_slot(scan, ForwardScanDirection, row);
    if (found && !TransactionIdIsCurrentTransactionId(
                     DatumGetTransactionId(slot_getsysattr(row, MinTransactionIdAttributeNumber, &null)))) {
      ItemPointerData at = row->tts_tid;
      TM_FailureData failure;
      const TM_Result locked = table_tuple_lock(
          jobs, &at, SnapshotSelf, row, GetCurrentCommandId(true), LockTupleShare, LockWaitBlock,
          TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS | TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
      if (locked != TM_Ok && locked != TM_Deleted)
        elog(ERROR, "unexpected result %d of a row lock", static_cast<int>(locked));
      found = locked == TM_Ok;
    }
    Job state = Job::missing;
    if (found) {
      const AttrNumber status = pg::column_number(RelationGetDescr(jobs), "job_status");
      state = metrics::outcome_of(slot_getattr(row, status, &null)) ? Job::final : Job::unfinished;
    }
    index_endscan(scan);
    ExecDropSingleTupleTableSlot(row);
    index_close(index, NoLock);  // locks go with the transaction, as the executor's do
    table_close(jobs, NoLock);
    return state;
  });
}

struct Turned {
  std::vector<core::FinishedJob> finished;  // became final
  std::vector<core::Uuid> reopened;         // ceased to be
};

// The jobs whose finality the UPDATE changed, from its transition tables; both hold its rows in the same
// order. Read without SPI, as most updates are signs of life and change none.
Turned turned_jobs(TriggerData *trigger) {
  Turned turned;
  pg::call([&] {
    const TupleDesc columns = RelationGetDescr(trigger->tg_relation);
    const AttrNumber id = pg::column_number(columns, "id");
    const AttrNumber status = pg::column_number(columns, "job_status");
    Tuplestorestate *stores[] = {trigger->tg_oldtable, trigger->tg_newtable};
    int cursors[2];
    TupleTableSlot *rows[2];
    for (int i = 0; i < 2; i++) {
      cursors[i] = tuplestore_alloc_read_pointer(stores[i], EXEC_FLAG_REWIND);
      tuplestore_select_read_pointer(stores[i], cursors[i]);
      tuplestore_rescan(stores[i]);
      rows[i] = MakeSingleTupleTableSlot(RelationGetDescr(trigger->tg_relation), &TTSOpsMinimalTuple);
    }
    auto next = [&](int i) {
      tuplestore_select_read_pointer(stores[i], cursors[i]);
      return tuplestore_gettupleslot(stores[i], /* forward = */ true, /* copy = */ false, rows[i]);
    };
    while (next(0) && next(1)) {
      CHECK_FOR_INTERRUPTS();
      bool null = false;
      const Datum before = slot_getattr(rows[0], status, &null);
      const Datum after = slot_getattr(rows[1], status, &null);
      const Datum id_before = slot_getattr(rows[0], id, &null);
      const Datum id_after = slot_getattr(rows[1], id, &null);
      const bool moved = memcmp(DatumGetUUIDP(id_before), DatumGetUUIDP(id_after), UUID_LEN) != 0;
      if (before == after && !moved) continue;
      const std::optional<core::Outcome> outcome = metrics::outcome_of(after);
      if (outcome.has_value() == metrics::outcome_of(before).has_value() && !moved) continue;
      if (outcome) {
        turned.finished.push_back(metrics::read_job(rows[1], *outcome));
      } else {
        turned.reopened.push_back(pg::to_uuid(id_after));
      }
    }
    for (TupleTableSlot *row : rows) ExecDropSingleTupleTableSlot(row);
  });
  return turned;
}

// The row trigger on the flag sets its value. A build is closed before another one of its workspace is
// opened. IS NOT FALSE: for `open` the planner would walk the index of all open builds while there are few.
constinit pg::Statement close_builds(R"sql(
  UPDATE prebuilds.workspace_builds SET open = DEFAULT
   WHERE open IS NOT FALSE AND job_id OPERATOR(pg_catalog.=) ANY ($1)
)sql",
                                     UUIDARRAYOID);
constinit pg::Statement open_builds(R"sql(
  UPDATE prebuilds.workspace_builds SET open = DEFAULT
   WHERE NOT open AND job_id OPERATOR(pg_catalog.=) ANY ($1)
)sql",
                                    UUIDARRAYOID);

constinit pg::Statement close_others(R"sql(
  UPDATE prebuilds.workspace_builds SET open = DEFAULT
   WHERE open AND workspace_id OPERATOR(pg_catalog.=) ANY (ARRAY(
         SELECT workspace_id FROM prebuilds.workspace_builds WHERE job_id OPERATOR(pg_catalog.=) $1))
)sql",
                                     UUIDOID);

// Most builds have been closed by what finished their jobs: complete does so in the same statement. What
// builds tell that have ended goes to the metrics: this is where they are known, whoever ended them.
void follow(const std::vector<core::FinishedJob> &finished) {
  const std::vector<metrics::StoredBuild> builds = metrics::builds_of(finished);
  std::vector<core::Uuid> still_open;
  for (const metrics::StoredBuild &stored : builds)
    if (stored.open) still_open.push_back(stored.build.job.id);
  if (!still_open.empty()) {
    const pg::SpiSession session;
    close_builds.run({still_open});
  }
  metrics::observe(builds);
}

void set_flags(Relation table, const Turned &jobs) {
  const pg::OwnerScope owner(table);
  if (!jobs.finished.empty()) follow(jobs.finished);
  if (!jobs.reopened.empty()) {
    const pg::SpiSession session;
    open_builds.run({jobs.reopened});
  }
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_set_open);
PG_FUNCTION_INFO_V1(prebuilds_mend_open);
PG_FUNCTION_INFO_V1(prebuilds_follow_turned_jobs);
PG_FUNCTION_INFO_V1(prebuilds_follow_replicated_job);

// BEFORE INSERT OR UPDATE of builds FOR EACH ROW
PGDLLEXPORT Datum prebuilds_set_open(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    const bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
    TupleTableSlot *row = update ? trigger->tg_newslot : trigger->tg_trigslot;
    HeapTuple build = update ? trigger->tg_newtuple : trigger->tg_trigtuple;
    if (pg::column_is_null(trigger, row, "job_id"))
      return PointerGetDatum(build);  // refused as NULL later on

    // A job that this statement has yet to insert: prebuilds_mend_open() looks again when it has.
    const bool open = look_up(pg::uuid_column(trigger, row, "job_id")) == Job::unfinished;
    return pg::call([&] {
      int column = pg::column_number(RelationGetDescr(trigger->tg_relation), "open");
      bool null = false;
      if (DatumGetBool(slot_getattr(row, column, &null)) == open && !null) return PointerGetDatum(build);
      Datum value = BoolGetDatum(open);
      null = false;
      return PointerGetDatum(heap_modify_tuple_by_cols(build, RelationGetDescr(trigger->tg_relation), 1,
                                                       &column, &value, &null));
    });
  });
}

// AFTER INSERT OR UPDATE of builds FOR EACH ROW, of those that are not open
PGDLLEXPORT Datum prebuilds_mend_open(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    const bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
    const core::Uuid job =
        pg::uuid_column(trigger, update ? trigger->tg_newslot : trigger->tg_trigslot, "job_id");
    if (look_up(job) == Job::unfinished) set_flags(trigger->tg_relation, {.finished = {}, .reopened = {job}});
    return PointerGetDatum(nullptr);
  });
}

// AFTER UPDATE of jobs FOR EACH STATEMENT, with both transition tables
PGDLLEXPORT Datum prebuilds_follow_turned_jobs(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    const Turned jobs = turned_jobs(trigger);
    if (!jobs.finished.empty() || !jobs.reopened.empty()) set_flags(trigger->tg_relation, jobs);
    return PointerGetDatum(nullptr);
  });
}

// AFTER INSERT OR UPDATE of jobs FOR EACH ROW, where no statement trigger fires
PGDLLEXPORT Datum prebuilds_follow_replicated_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    const bool update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
    const core::Uuid job =
        pg::uuid_column(trigger, update ? trigger->tg_newslot : trigger->tg_trigslot, "id");
    const pg::OwnerScope owner(trigger->tg_relation);
    const pg::SpiSession session;
    // The statement may have finished another job of the workspace, whose turn has yet to come.
    close_others.run({job});
    open_builds.run({std::vector{job}});
    return PointerGetDatum(nullptr);
  });
}

}  // extern "C"
