// Looks for what the marks hide.
#include "marks/marks.hpp"
#include "pg/spi.hpp"

namespace prebuilds::marks {

namespace {

// The first entry of each list $1 before its mark ($2, $3), if there is one. Beside an old snapshot each of
// them walks over what has left the list: the sweep does it, so that nobody else has to.
constinit pg::Statement claimable_before_marks(R"sql(
  SELECT m.key, l.created_at, l.workspace_id
    FROM unnest($1, $2, $3) m (key, created_at, id)
   CROSS JOIN LATERAL (
         SELECT c.created_at, c.workspace_id
           FROM prebuilds.live_prebuilds c
          WHERE c.preset_id = m.key
            AND c.transition = 'start'
            AND c.job_status = 'succeeded'
            AND c.ready
            AND (c.created_at, c.workspace_id) < (m.created_at, m.id)
          ORDER BY c.created_at, c.workspace_id
          LIMIT 1) l
)sql",
                                               UUIDARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID);

constinit pg::Statement prebuilds_before_marks(R"sql(
  SELECT m.key, l.created_at, l.workspace_id
    FROM unnest($1, $2, $3) m (key, created_at, id)
   CROSS JOIN LATERAL (
         SELECT c.created_at, c.workspace_id
           FROM prebuilds.live_prebuilds c
          WHERE c.preset_id = m.key
            AND (c.created_at, c.workspace_id) < (m.created_at, m.id)
          ORDER BY c.created_at, c.workspace_id
          LIMIT 1) l
)sql",
                                               UUIDARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID);

constinit pg::Statement jobs_before_marks(R"sql(
  SELECT m.key, m.class, l.created_at, l.id
    FROM unnest($1, $2, $3, $4) m (key, class, created_at, id)
   CROSS JOIN LATERAL (
         SELECT j.created_at, j.id
           FROM prebuilds.provisioner_jobs j
          WHERE j.queue_key = m.key
            AND (CASE WHEN j.initiator_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid THEN 1 ELSE 0 END) = m.class
            AND j.started_at IS NULL
            AND j.completed_at IS NULL
            AND j.canceled_at IS NULL
            AND (j.created_at, j.id) < (m.created_at, m.id)
          ORDER BY j.created_at, j.id
          LIMIT 1) l
)sql",
                                          INT8ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID);

bool is_queue(const List &list) {
  return list.kind == List::Kind::people_queue || list.kind == List::Kind::prebuilds_queue;
}

std::int64_t queue_key_of(const List &list) {
  std::int64_t key = 0;
  std::memcpy(&key, list.key.bytes.data(), sizeof(key));
  return key;
}

// The marks of pools of this kind, as far as there are entries before them, with the first one.
std::vector<Mark> before_pools(std::span<const Mark> marks, List::Kind kind, pg::Statement &statement) {
  std::vector<core::Uuid> keys, ids;
  std::vector<pg::Timestamp> times;
  for (const Mark &mark : marks) {
    if (mark.list.kind != kind) continue;
    keys.push_back(mark.list.key);
    times.push_back({pg::to_timestamptz(mark.place.created_at)});
    ids.push_back(mark.place.id);
  }
  std::vector<Mark> found;
  if (keys.empty()) return found;
  statement.run({keys, times, ids}).each([&](pg::Row &row) {
    const List list{kind, row.uuid()};
    const core::Instant created_at = row.instant();
    found.push_back({list, {created_at, row.uuid()}});
  });
  return found;
}

std::vector<Mark> before_queues(std::span<const Mark> marks) {
  std::vector<std::int64_t> keys;
  std::vector<int> classes;
  std::vector<pg::Timestamp> times;
  std::vector<core::Uuid> ids;
  for (const Mark &mark : marks) {
    if (!is_queue(mark.list)) continue;
    keys.push_back(queue_key_of(mark.list));
    classes.push_back(mark.list.kind == List::Kind::prebuilds_queue);
    times.push_back({pg::to_timestamptz(mark.place.created_at)});
    ids.push_back(mark.place.id);
  }
  std::vector<Mark> found;
  if (keys.empty()) return found;
  jobs_before_marks.run({keys, classes, times, ids}).each([&](pg::Row &row) {
    const std::int64_t key = row.bigint();
    const List list = queue(key, row.integer() == 1);
    const core::Instant created_at = row.instant();
    found.push_back({list, {created_at, row.uuid()}});
  });
  return found;
}

}  // namespace

void check_all() {
  if (!in_use()) return;
  // The marks before the snapshots of the statements: what leaves a list in between is not seen any more.
  const std::vector<Mark> marks = take_used();
  lower(before_pools(marks, List::Kind::pool, claimable_before_marks));
  lower(before_pools(marks, List::Kind::prebuilds, prebuilds_before_marks));
  lower(before_queues(marks));
}

}  // namespace prebuilds::marks
