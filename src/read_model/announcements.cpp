#include "read_model/announcements.hpp"

#include "pg/index_scan.hpp"
#include "pg/settings.hpp"

namespace prebuilds::read_model {

namespace {

constexpr const char *channel = "provisioner_job_posted";

// PostgreSQL refuses 8,000.
constexpr std::size_t longest_payload = 7000;

constinit pg::Statement select_pending_queues(R"sql(
  SELECT q.queue_key
    FROM prebuilds.job_queues AS q
   WHERE EXISTS (SELECT FROM prebuilds.provisioner_jobs AS j
                  WHERE j.queue_key = q.queue_key
                    AND j.started_at IS NULL AND j.completed_at IS NULL AND j.canceled_at IS NULL)
)sql");

// {"tags", "type", "organization_id"}, as jsonb writes it; without the tags where they are too long. Only
// inside of call().
char *payload_of(pg::IndexScan &queue) {
  StringInfoData rest;
  initStringInfo(&rest);
  appendStringInfoString(&rest, "\"type\": ");
  escape_json(&rest, TextDatumGetCString(queue.value("provisioner")));
  appendStringInfo(&rest, ", \"organization_id\": \"%s\"}",
                   DatumGetCString(DirectFunctionCall1(uuid_out, queue.value("organization_id"))));
  const char *tags = DatumGetCString(DirectFunctionCall1(jsonb_out, queue.value("tags")));
  char *payload = psprintf("{\"tags\": %s, %s", tags, rest.data);
  return std::strlen(payload) <= longest_payload ? payload : psprintf("{%s", rest.data);
}

}  // namespace

// PostgreSQL leaves out what a transaction has announced before.
void announce(std::span<const std::int64_t> queue_keys) {
  pg::call([&] {
    PushActiveSnapshot(GetLatestSnapshot());  // another transaction may have added the queue
    pg::IndexScan queues("job_queues", "job_queues_pkey");
    List *payloads = NIL;
    for (const std::int64_t key : queue_keys) {
      CHECK_FOR_INTERRUPTS();
      ScanKeyData equal = pg::bigint_key(1, key);
      queues.start(&equal);
      while (queues.next()) payloads = lappend(payloads, payload_of(queues));
    }
    queues.end();
    PopActiveSnapshot();
    // Any order would do; this one is the same wherever it is asked for.
    list_sort(payloads, [](const ListCell *a, const ListCell *b) {
      return std::strcmp(static_cast<const char *>(lfirst(a)), static_cast<const char *>(lfirst(b)));
    });
    for (int i = 0; i < list_length(payloads); i++)
      Async_Notify(channel, static_cast<const char *>(list_nth(payloads, i)));
  });
}

void announce_all() {
  const pg::StatementSettings settings;
  std::vector<std::int64_t> pending;
  select_pending_queues.run().each([&](pg::Row &row) { pending.push_back(row.bigint()); });
  announce(pending);
}

}  // namespace prebuilds::read_model
