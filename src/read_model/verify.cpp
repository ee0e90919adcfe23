// Derived data is compared with its sources where triggers may have missed something.
#include "marks/marks.hpp"
#include "pg/spi.hpp"
#include "pg/transaction.hpp"
#include "read_model/read_model.hpp"

namespace prebuilds::read_model {

namespace {

constinit pg::Statement select_triggers_changed(R"sql(
  SELECT t.state
    FROM prebuilds.deriving_triggers t, prebuilds.installation i
   WHERE t.off OR i.derived_under <> t.state
)sql");

constinit pg::Statement store_triggers(R"sql(
  UPDATE prebuilds.installation SET derived_under = $1 WHERE derived_under <> $1
)sql",
                                       TEXTOID);

constinit pg::Statement repair_queues("SELECT prebuilds.rebuild_job_queues()");
constinit pg::Statement repair_open("SELECT prebuilds.repair_open()");

constinit pg::Statement compare_some(R"sql(
  SELECT i.id, ROW (l.*) IS DISTINCT FROM ROW (d.*)
    FROM ((SELECT w.id
             FROM prebuilds.workspaces w
            WHERE w.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid
              AND NOT w.deleted
              AND w.id > $1
            ORDER BY w.id
            LIMIT $2)
           UNION
          (SELECT ml.workspace_id
             FROM prebuilds.live_prebuilds ml
            WHERE ml.workspace_id > $1
            ORDER BY ml.workspace_id
            LIMIT $2)
           ORDER BY 1
           LIMIT $2) i (id)
    LEFT JOIN LATERAL (SELECT * FROM prebuilds.live_prebuilds WHERE workspace_id = i.id LIMIT 1) l ON true
    LEFT JOIN LATERAL (SELECT * FROM prebuilds.live_prebuild_definitions WHERE workspace_id = i.id LIMIT 1) d ON true
   ORDER BY i.id
)sql",
                                     UUIDOID, INT4OID);

}  // namespace

void repair_after_triggers_were_off() {
  std::optional<std::string> changed;
  select_triggers_changed.run().each([&](pg::Row &row) { changed = row.text(); });
  if (!changed) return;

  rebuild();
  repair_queues.run();
  marks::added_anything();  // jobs that no trigger saw
  // Somebody may be writing the same builds: the next sweep tries again.
  if (const auto error = pg::in_subtransaction([] { repair_open.run(); })) {
    pg::call([&] {
      ereport(WARNING,
              (errcode(error->sqlstate), errmsg("could not mend the open builds: %s", error->message.c_str()),
               error->detail.empty() ? 0 : errdetail("%s", error->detail.c_str())));
    });
    return;
  }
  store_triggers.run({*changed});
}

void verify_some(int rows) {
  static constinit core::Uuid last{};  // where the previous call left off
  Altered differing;
  core::Uuid id{};
  const pg::Rows compared = compare_some.run({last, rows});
  compared.each([&](pg::Row &row) {
    id = row.uuid();
    if (row.boolean()) differing.emplace(id, whole_row);
  });
  last = compared.count() < static_cast<std::uint64_t>(rows) ? core::Uuid{} : id;
  if (!differing.empty()) derive(differing);
}

}  // namespace prebuilds::read_model
