// Triggers that keep prebuilds.job_queues, the dictionary of queues (every queue_key that any job ever had),
// and announce new jobs.
//
// The first job of a queue must not wait for another session that has posted one too and not committed yet:
// that may be anybody's long transaction, a pass waits for nothing, and two that post to several queues would
// deadlock. No unique index can tell that such a queue is there already without waiting to see whether it
// stays. So each transaction that sees none adds a row of its own, readers do not mind several, and
// housekeeping merges them.
#include <unordered_map>
#include <vector>

#include "marks/marks.hpp"
#include "pg/owner.hpp"
#include "pg/probe.hpp"
#include "pg/settings.hpp"
#include "pg/spi.hpp"
#include "pg/trigger.hpp"
#include "read_model/announcements.hpp"
#include "read_model/read_model.hpp"
#include "worker/wakeup.hpp"

using namespace prebuilds;

namespace {

constexpr pg::UniqueIndex known_queues("job_queues", "job_queues_pkey", "organization_id");

// A job for each queue_key: more of the same have nothing to add.
using Jobs = std::unordered_map<std::int64_t, core::Uuid>;

// A newer job takes the place of an older one, which may be of a statement that failed and does not exist.
struct NewJobs {
  Jobs of_unknown_queues;
  Jobs pending;
};

pg::StatementNotes<NewJobs> &notes() {
  static pg::StatementNotes<NewJobs> jobs;
  return jobs;
}

std::vector<core::Uuid> ids(const Jobs &jobs) {
  std::vector<core::Uuid> result;
  for (const auto &[queue, job] : jobs) result.push_back(job);
  return result;
}

std::vector<std::int64_t> queue_keys(const Jobs &jobs) {
  std::vector<std::int64_t> result;
  for (const auto &[queue, job] : jobs) result.push_back(queue);
  return result;
}

constinit pg::Statement add_queues(R"sql(
  INSERT INTO prebuilds.job_queues (queue_key, organization_id, provisioner, owner, tags)
  SELECT j.queue_key, j.organization_id, j.provisioner, t.tags ->> 'owner', t.tags
    FROM prebuilds.provisioner_jobs AS j
   CROSS JOIN LATERAL (SELECT prebuilds.normalized_tags(j.tags) AS tags) AS t
   WHERE j.id = ANY ($1)
     AND NOT EXISTS (SELECT FROM prebuilds.job_queues AS q WHERE q.queue_key = j.queue_key)
  ON CONFLICT DO NOTHING
)sql",
                                   UUIDARRAYOID);

// With the rights of the table's owner.
void add(const Jobs &jobs, Relation table) {
  const pg::OwnerScope owner(table);
  const pg::StatementSettings settings;
  const pg::SpiSession session;
  // On the latest snapshot: in REPEATABLE READ the row trigger missed a queue that has been added since.
  add_queues.run({ids(jobs)});
}

// Adds the queues of the noted jobs, and has the jobs announced.
void post(Relation table) {
  const NewJobs noted = notes().take();
  if (!noted.of_unknown_queues.empty()) add(noted.of_unknown_queues, table);
  if (noted.pending.empty()) return;
  // A NOTIFY makes all commits of the cluster queue up, so it is the worker's where there is one.
  const std::vector<std::int64_t> queues = queue_keys(noted.pending);
  if (!worker::note_jobs_posted(queues)) read_model::announce(queues);
}

}  // namespace

void read_model::note_if_pending(TriggerData *trigger, TupleTableSlot *row) {
  for (const char *end : {"started_at", "completed_at", "canceled_at"})
    if (!pg::column_is_null(trigger, row, end)) return;
  const std::int64_t queue = pg::bigint_column(trigger, row, "queue_key");
  const core::Uuid job = pg::uuid_column(trigger, row, "id");
  notes().mine().pending.insert_or_assign(queue, job);
  const bool of_prebuilds_user = pg::uuid_column(trigger, row, "initiator_id") == core::system_user;
  marks::added(marks::queue(queue, of_prebuilds_user), {pg::instant_column(trigger, row, "created_at"), job});
}

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_note_job);
PG_FUNCTION_INFO_V1(prebuilds_post_jobs);

// AFTER … FOR EACH ROW
PGDLLEXPORT Datum prebuilds_note_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    TupleTableSlot *row =
        TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newslot : trigger->tg_trigslot;
    const std::int64_t queue = pg::bigint_column(trigger, row, "queue_key");
    const core::Uuid job = pg::uuid_column(trigger, row, "id");
    if (!known_queues.find(queue)) notes().mine().of_unknown_queues.insert_or_assign(queue, job);
    read_model::note_if_pending(trigger, row);
    if (pg::only_row_triggers_fire()) post(trigger->tg_relation);
    return PointerGetDatum(nullptr);
  });
}

// AFTER … FOR EACH STATEMENT
PGDLLEXPORT Datum prebuilds_post_jobs(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    post(pg::trigger_data(fcinfo)->tg_relation);
    return PointerGetDatum(nullptr);
  });
}

}  // extern "C"
