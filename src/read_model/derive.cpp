#include "marks/marks.hpp"
#include "pg/index_scan.hpp"
#include "pg/owner.hpp"
#include "pg/settings.hpp"
#include "pg/table_writer.hpp"
#include "read_model/definition.hpp"
#include "read_model/read_model.hpp"
#include "worker/wakeup.hpp"

namespace prebuilds::read_model {

namespace {

// A row that another session has inserted meanwhile is written over, and returned.
constinit pg::Statement insert_rows(R"sql(
  INSERT INTO prebuilds.live_prebuilds AS l
         (workspace_id, preset_id, created_at, state, ready, system_initiated, worker_assigned, build_number, transition,
          job_status, build_created_at, build_id, job_id, template_version_id, build_preset_id, job_completed_at)
  SELECT n.*
    FROM pg_catalog.unnest($1) AS n
         (workspace_id uuid, preset_id uuid, created_at timestamptz, state "char", ready boolean,
          system_initiated boolean, worker_assigned boolean, build_number integer,
          transition prebuilds.workspace_transition, job_status prebuilds.provisioner_job_status,
          build_created_at timestamptz, build_id uuid, job_id uuid, template_version_id uuid, build_preset_id uuid,
          job_completed_at timestamptz)
      ON CONFLICT (workspace_id) DO UPDATE
     SET preset_id = excluded.preset_id,
         created_at = excluded.created_at,
         state = excluded.state,
         ready = excluded.ready,
         system_initiated = excluded.system_initiated,
         worker_assigned = excluded.worker_assigned,
         build_number = excluded.build_number,
         transition = excluded.transition,
         job_status = excluded.job_status,
         build_created_at = excluded.build_created_at,
         build_id = excluded.build_id,
         job_id = excluded.job_id,
         template_version_id = excluded.template_version_id,
         build_preset_id = excluded.build_preset_id,
         job_completed_at = excluded.job_completed_at
  RETURNING l.xmax <> 0 AS updated
)sql",
                                    RECORDARRAYOID);

constinit pg::Statement rows_that_differ(R"sql(
  SELECT coalesce(l.workspace_id, d.workspace_id)
    FROM prebuilds.live_prebuilds l
    FULL JOIN prebuilds.live_prebuild_definitions d ON d.workspace_id = l.workspace_id
   WHERE ROW (l.*) IS DISTINCT FROM ROW (d.*)
   ORDER BY 1
)sql");

// The pool that a row belongs or belonged to has changed.
void note(const std::optional<core::Uuid> &preset) {
  if (preset) worker::note_changed(*preset);
}

// A row as it is stored, and where.
struct Stored {
  LivePrebuild row;
  ItemPointerData at;
};

using Rows = std::map<core::Uuid, Stored>;

LivePrebuild read(pg::Row row) {
  LivePrebuild read;
  read.workspace_id = row.uuid();
  read.preset_id = row.optional_uuid();
  read.created_at = row.timestamp();
  read.state = row.optional_char();
  read.ready = row.boolean();
  read.system_initiated = row.boolean();
  read.worker_assigned = row.boolean();
  read.build_number = row.integer();
  read.transition = row.oid();
  read.job_status = row.oid();
  read.build_created_at = row.timestamp();
  read.build_id = row.uuid();
  read.job_id = row.uuid();
  read.template_version_id = row.uuid();
  read.build_preset_id = row.optional_uuid();
  read.job_completed_at = row.optional_timestamp();
  return read;
}

// Locks the rows of these workspaces in their order, and calls f(IndexScan &) inside of call() for each of
// them in its latest version. By index: an executor takes longer to start than this does.
template <class F>
void lock_each(std::span<const core::Uuid> workspaces, F f) {
  pg::call([&] {
    PushActiveSnapshot(GetLatestSnapshot());
    pg::IndexScan live("live_prebuilds", "live_prebuilds_pkey", 1, RowExclusiveLock);
    for (const core::Uuid &workspace : workspaces) {
      live.start(workspace);
      if (live.next() && live.lock_for_update()) f(live);
    }
    live.end();
    PopActiveSnapshot();
  });
}

Rows lock(const Altered &altered) {
  std::vector<core::Uuid> workspaces;
  workspaces.reserve(altered.size());
  for (const auto &[workspace, parts] : altered) workspaces.push_back(workspace);
  std::vector<Stored> locked;
  locked.reserve(workspaces.size());
  lock_each(workspaces, [&](pg::IndexScan &live) { locked.push_back({read(live.row()), live.at()}); });
  Rows rows;
  for (const Stored &stored : locked) rows.emplace(stored.row.workspace_id, stored);
  return rows;
}

// In the order of the workspaces.
std::vector<Definition> latest_definitions(const Altered &altered, const Rows &locked) {
  std::vector<Definition> definitions;
  definitions.reserve(altered.size());
  for (const auto &[workspace, parts] : altered) {
    Definition &definition = definitions.emplace_back();
    if (const auto stored = locked.find(workspace); stored != locked.end()) {
      definition.row = stored->second.row;
      definition.to_read = parts;
    } else {
      definition.row.workspace_id = workspace;
    }
  }
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  define(definitions);
  pg::call([] { PopActiveSnapshot(); });
  return definitions;
}

std::array<pg::Param, 16> columns(const LivePrebuild &row) {
  return {row.workspace_id, row.preset_id,           row.created_at,       row.state,
          row.ready,        row.system_initiated,    row.worker_assigned,  row.build_number,
          row.transition,   row.job_status,          row.build_created_at, row.build_id,
          row.job_id,       row.template_version_id, row.build_preset_id,  row.job_completed_at};
}

Relation open_table() {
  return pg::call([] { return table_open(pg::relation_oid("live_prebuilds"), RowExclusiveLock); });
}

// Writes rows over those that lock() found, and adds those that nobody else can add meanwhile, as the
// workspace is ours alone or its row was just removed; with the rights of the table's owner, as insert()
// does.
void write(const std::vector<Stored> &changed, const std::vector<LivePrebuild> &ours) {
  const Relation table = open_table();
  const pg::OwnerScope owner(table);
  pg::call([&] {
    pg::TableWriter writer("live_prebuilds");
    for (const Stored &stored : changed) {
      CHECK_FOR_INTERRUPTS();
      writer.update(stored.at, columns(stored.row));
    }
    for (const LivePrebuild &row : ours) {
      CHECK_FOR_INTERRUPTS();
      writer.insert(columns(row));
    }
    writer.end();
    table_close(table, NoLock);
  });
}

// Adds rows that lock() did not find, and that other sessions may add as well. False: one of them has.
bool insert(const std::vector<LivePrebuild> &rows) {
  const Relation table = open_table();
  const pg::OwnerScope owner(table);
  const pg::StatementSettings settings;
  const pg::SpiSession session;
  std::vector<pg::Record> records;
  records.reserve(rows.size());
  for (const LivePrebuild &row : rows)
    records.push_back(pg::make_record(RelationGetRelid(table), columns(row)));
  bool alone = true;
  insert_rows.run({records}).each([&](pg::Row &row) { alone = alone && !row.boolean(); });
  pg::call([&] { table_close(table, NoLock); });
  return alone;
}

// Whether a row takes over the job of another one, by a build that moves: no two rows have one job, even
// while they are written.
bool takes_over_job(const LivePrebuild &row, const Stored &before, const Rows &locked) {
  return row.job_id != before.row.job_id && std::any_of(locked.begin(), locked.end(), [&](const auto &other) {
           return other.second.row.job_id == row.job_id;
         });
}

// Tells whom it concerns that a row is now like this.
void note_written(const LivePrebuild &row, const LivePrebuild *before) {
  const core::Place place{pg::to_instant(row.created_at.value), row.workspace_id};
  if (row.preset_id &&
      (before == nullptr || before->preset_id != row.preset_id || before->created_at != row.created_at))
    marks::added(marks::prebuilds(*row.preset_id), place);
  if (row.preset_id && row.ready && row.state == 'r') marks::added(marks::pool(*row.preset_id), place);
  // A job that a provisioner takes leaves the pool as it is.
  const std::string_view job = pg::to_label(row.job_status);
  if (job != "running") note(row.preset_id);
  if (before != nullptr && before->preset_id != row.preset_id) note(before->preset_id);
}

}  // namespace

void derive(Altered altered) {
  for (bool alone = false; !alone;) {
    const Rows locked = lock(altered);
    std::vector<Stored> changed;
    std::vector<LivePrebuild> ours, added;
    std::vector<core::Uuid> gone;
    for (const Definition &definition : latest_definitions(altered, locked)) {
      const LivePrebuild &row = definition.row;
      const auto before = locked.find(row.workspace_id);
      if (!definition.is_prebuild) {
        if (before != locked.end()) gone.push_back(row.workspace_id);
      } else if (before == locked.end()) {
        (definition.workspace_is_ours_alone ? ours : added).push_back(row);
        note_written(row, nullptr);
      } else if (before->second.row != row) {
        if (takes_over_job(row, before->second, locked)) {
          gone.push_back(row.workspace_id);
          ours.push_back(row);
        } else {
          changed.push_back({row, before->second.at});
        }
        note_written(row, &before->second.row);
      }
    }
    if (!gone.empty()) remove(gone);
    if (!changed.empty() || !ours.empty()) write(changed, ours);
    // What another session inserted since we looked may be newer than what we wrote over it: then look again,
    // at all that we wrote.
    alone = added.empty() || insert(added);
    for (const LivePrebuild &row : added) altered[row.workspace_id] = whole_row;
  }
}

void remove(const std::vector<core::Uuid> &workspaces) {
  std::vector<std::optional<core::Uuid>> pools;
  pools.reserve(workspaces.size());
  lock_each(workspaces, [&](pg::IndexScan &live) {
    pools.push_back(read(live.row()).preset_id);
    live.remove();
  });
  pg::call([] { CommandCounterIncrement(); });
  for (const auto &pool : pools) note(pool);
}

int rebuild() {
  Altered differing;
  rows_that_differ.run().each([&](pg::Row &row) { differing.emplace(row.uuid(), whole_row); });
  if (!differing.empty()) derive(differing);
  return static_cast<int>(differing.size());
}

}  // namespace prebuilds::read_model
