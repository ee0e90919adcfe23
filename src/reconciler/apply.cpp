#include "reconciler/apply.hpp"

#include "pg/gucs.hpp"
#include "pg/index_scan.hpp"
#include "pg/settings.hpp"
#include "pg/transaction.hpp"

namespace prebuilds::reconciler {

namespace {

// ---- statements -----------------------------------------------------------------------------------------

// The workspace's row as well: FOR UPDATE keeps out a build that somebody has inserted and not committed.
constinit pg::Statement lock_running(R"sql(
  SELECT w.id
    FROM unnest($1, $2) i (workspace_id, build_number)
   CROSS JOIN LATERAL (
         SELECT lw.id
           FROM prebuilds.workspaces lw
          WHERE lw.id = i.workspace_id
            AND lw.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid
            AND NOT lw.deleted
            FOR UPDATE SKIP LOCKED) w
   CROSS JOIN LATERAL (
         SELECT
           FROM prebuilds.live_prebuilds l
          WHERE l.workspace_id = i.workspace_id
            AND l.build_number = i.build_number
            AND l.transition = 'start'
            AND l.job_status = 'succeeded'
            FOR UPDATE SKIP LOCKED) live
)sql",
                                     UUIDARRAYOID, INT4ARRAYOID);

constinit pg::Statement lock_pending(R"sql(
  SELECT w.id
    FROM pg_catalog.unnest($1) i (workspace_id)
   CROSS JOIN LATERAL (
         SELECT lw.id
           FROM prebuilds.workspaces lw
          WHERE lw.id = i.workspace_id
            AND lw.owner_id = 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid
            AND NOT lw.deleted
            FOR UPDATE SKIP LOCKED) w
   CROSS JOIN LATERAL (
         SELECT l.job_id
           FROM prebuilds.live_prebuilds l
          WHERE l.workspace_id = i.workspace_id
            AND l.build_number = 1
            AND l.transition = 'start'
            AND l.job_status = 'pending'
            AND l.system_initiated
            AND NOT l.worker_assigned
            FOR UPDATE SKIP LOCKED) live
   CROSS JOIN LATERAL (
         SELECT
           FROM prebuilds.provisioner_jobs j
          WHERE j.id = live.job_id
            AND j.started_at IS NULL
            AND j.canceled_at IS NULL
            AND j.completed_at IS NULL
            AND j.worker_id IS NULL
            FOR UPDATE SKIP LOCKED) job
   CROSS JOIN LATERAL (
         SELECT
           FROM prebuilds.workspace_builds b
          WHERE b.job_id = live.job_id
            FOR NO KEY UPDATE SKIP LOCKED) build
)sql",
                                     UUIDARRAYOID);

// What delete builds of locked prebuilds refer to: their foreign keys would wait for whoever holds one of
// these. The prebuilds that can get one, with their jobs.
constinit pg::Statement lock_references(R"sql(
  SELECT m.workspace_id, m.job_id
    FROM (SELECT w.organization_id, l.template_version_id, l.build_preset_id,
                 array_agg(i.workspace_id) AS workspaces, array_agg(l.job_id) AS jobs
            FROM unnest($1) i (workspace_id)
           CROSS JOIN LATERAL (SELECT organization_id FROM prebuilds.workspaces WHERE id = i.workspace_id LIMIT 1) w
           CROSS JOIN LATERAL (SELECT job_id, template_version_id, build_preset_id FROM prebuilds.live_prebuilds
                                WHERE workspace_id = i.workspace_id LIMIT 1) l
           GROUP BY w.organization_id, l.template_version_id, l.build_preset_id) r
   CROSS JOIN LATERAL (SELECT FROM prebuilds.organizations o
                        WHERE o.id = r.organization_id FOR KEY SHARE SKIP LOCKED) o
   CROSS JOIN LATERAL (SELECT FROM prebuilds.template_versions v
                        WHERE v.id = r.template_version_id FOR KEY SHARE SKIP LOCKED) v
    LEFT JOIN LATERAL (SELECT p.id FROM prebuilds.template_version_presets p
                        WHERE p.id = r.build_preset_id FOR KEY SHARE SKIP LOCKED) p ON true
   CROSS JOIN LATERAL unnest(r.workspaces, r.jobs) m (workspace_id, job_id)
   WHERE p.id IS NOT DISTINCT FROM r.build_preset_id
)sql",
                                        UUIDARRAYOID);

constinit pg::Statement cancel_jobs(R"sql(
  UPDATE prebuilds.provisioner_jobs
     SET canceled_at = $2, completed_at = $2, updated_at = $2
   WHERE id = ANY ($1)
)sql",
                                    UUIDARRAYOID, TIMESTAMPTZOID);

// The prebuilds whose delete no live provisioner would take.
constinit pg::Statement select_unserved(R"sql(
  SELECT i.workspace_id
    FROM pg_catalog.unnest($1) i (workspace_id)
   CROSS JOIN LATERAL (SELECT organization_id FROM prebuilds.workspaces WHERE id = i.workspace_id LIMIT 1) w
   CROSS JOIN LATERAL (SELECT template_version_id FROM prebuilds.live_prebuilds WHERE workspace_id = i.workspace_id LIMIT 1) l
   CROSS JOIN LATERAL (SELECT template_id, tags FROM prebuilds.template_versions WHERE id = l.template_version_id LIMIT 1) v
   CROSS JOIN LATERAL (SELECT provisioner FROM prebuilds.templates WHERE id = v.template_id LIMIT 1) t
   CROSS JOIN LATERAL (SELECT prebuilds.normalized_tags(v.tags, 'c42fdf75-3097-471c-8c33-fb52454d81c0') AS tags) wanted
   WHERE NOT EXISTS (SELECT FROM prebuilds.live_provisioners(w.organization_id, t.provisioner, wanted.tags, $2))
)sql",
                                        UUIDARRAYOID, TIMESTAMPTZOID);

// $5: when the jobs ended; NULL: they are pending.
constinit pg::Statement insert_delete_jobs(R"sql(
  INSERT INTO prebuilds.provisioner_jobs
         (id, created_at, updated_at, started_at, completed_at, organization_id, initiator_id, provisioner, type, input,
          tags)
  SELECT i.job_id, $4, $4, $5, $5, w.organization_id, 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid,
         t.provisioner, 'workspace_build',
         pg_catalog.jsonb_build_object('workspace_build_id', i.build_id, 'prebuilt_workspace_stage', 'none'),
         prebuilds.normalized_tags(v.tags, 'c42fdf75-3097-471c-8c33-fb52454d81c0')
    FROM unnest($1, $2, $3) i (workspace_id, job_id, build_id)
   CROSS JOIN LATERAL (SELECT organization_id FROM prebuilds.workspaces WHERE id = i.workspace_id LIMIT 1) w
   CROSS JOIN LATERAL (SELECT template_version_id FROM prebuilds.live_prebuilds WHERE workspace_id = i.workspace_id LIMIT 1) l
   CROSS JOIN LATERAL (SELECT template_id, tags FROM prebuilds.template_versions WHERE id = l.template_version_id LIMIT 1) v
   CROSS JOIN LATERAL (SELECT provisioner FROM prebuilds.templates WHERE id = v.template_id LIMIT 1) t
)sql",
                                           UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID,
                                           TIMESTAMPTZOID);

constinit pg::Statement insert_delete_builds(R"sql(
  INSERT INTO prebuilds.workspace_builds
         (id, created_at, updated_at, workspace_id, template_version_id, build_number, transition, initiator_id, job_id,
          provisioner_state, template_version_preset_id)
  SELECT i.build_id, $4, $4, i.workspace_id, b.template_version_id, b.build_number + 1, 'delete',
         'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid, i.job_id,
         CASE WHEN $5 THEN b.provisioner_state END, b.template_version_preset_id
    FROM unnest($1, $2, $3) i (workspace_id, job_id, build_id)
   CROSS JOIN LATERAL (
         SELECT lb.template_version_id, lb.build_number, lb.provisioner_state, lb.template_version_preset_id
           FROM prebuilds.workspace_builds lb
          WHERE lb.workspace_id = i.workspace_id
          ORDER BY lb.build_number DESC
          LIMIT 1) b
)sql",
                                             UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID,
                                             BOOLOID);

// A provisioner needs the same values to take down what it built.
constinit pg::Statement copy_parameters(R"sql(
  INSERT INTO prebuilds.workspace_build_parameters (id, created_at, updated_at, workspace_build_id, name, value)
  SELECT prebuilds.uuid_v7($3), $3, $3, i.build_id, bp.name, bp.value
    FROM unnest($1, $2) i (workspace_id, build_id)
   CROSS JOIN LATERAL (
         SELECT lb.id
           FROM prebuilds.workspace_builds lb
          WHERE lb.workspace_id = i.workspace_id
            AND lb.id <> i.build_id
          ORDER BY lb.build_number DESC
          LIMIT 1) b
   CROSS JOIN LATERAL (
         SELECT p.name, p.value
           FROM prebuilds.workspace_build_parameters p
          WHERE p.workspace_build_id = b.id
         OFFSET 0) bp
)sql",
                                        UUIDARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement delete_agents(R"sql(
  UPDATE prebuilds.workspace_agents a
     SET deleted = true, updated_at = $2
   WHERE NOT a.deleted
     AND a.resource_id IN (SELECT r.id
                             FROM pg_catalog.unnest($1) i (workspace_id)
                            CROSS JOIN LATERAL (SELECT b.job_id FROM prebuilds.workspace_builds b
                                                 WHERE b.workspace_id = i.workspace_id OFFSET 0) b
                            CROSS JOIN LATERAL (SELECT lr.id FROM prebuilds.workspace_resources lr
                                                 WHERE lr.job_id = b.job_id OFFSET 0) r)
)sql",
                                      UUIDARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement mark_deleted(R"sql(
  UPDATE prebuilds.workspaces
     SET deleted = true, updated_at = $2
   WHERE id = ANY ($1)
)sql",
                                     UUIDARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement insert_workspaces(R"sql(
  INSERT INTO prebuilds.workspaces
         (id, created_at, updated_at, last_used_at, owner_id, organization_id, template_id, name)
  SELECT i.id, $5, $5, $5, 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid, i.organization_id, i.template_id, i.name
    FROM unnest($1, $2, $3, $4) i (id, organization_id, template_id, name)
)sql",
                                          UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID,
                                          TIMESTAMPTZOID);

constinit pg::Statement insert_create_jobs(R"sql(
  INSERT INTO prebuilds.provisioner_jobs
         (id, created_at, updated_at, organization_id, initiator_id, provisioner, type, input, tags)
  SELECT i.id, $5, $5, t.organization_id, 'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid, t.provisioner,
         'workspace_build',
         pg_catalog.jsonb_build_object('workspace_build_id', i.build_id, 'prebuilt_workspace_stage', 'create'),
         prebuilds.normalized_tags(v.tags, 'c42fdf75-3097-471c-8c33-fb52454d81c0')
    FROM unnest($1, $2, $3, $4) i (id, build_id, template_id, template_version_id)
   CROSS JOIN LATERAL (SELECT organization_id, provisioner FROM prebuilds.templates WHERE id = i.template_id LIMIT 1) t
   CROSS JOIN LATERAL (SELECT tags FROM prebuilds.template_versions WHERE id = i.template_version_id LIMIT 1) v
)sql",
                                           UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID,
                                           TIMESTAMPTZOID);

constinit pg::Statement insert_create_builds(R"sql(
  INSERT INTO prebuilds.workspace_builds
         (id, created_at, updated_at, workspace_id, template_version_id, build_number, transition, initiator_id, job_id,
          template_version_preset_id)
  SELECT i.id, $6, $6, i.workspace_id, i.template_version_id, 1, 'start',
         'c42fdf75-3097-471c-8c33-fb52454d81c0'::pg_catalog.uuid, i.job_id, i.preset_id
    FROM unnest($1, $2, $3, $4, $5) i (id, workspace_id, template_version_id, job_id, preset_id)
)sql",
                                             UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID,
                                             UUIDARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement insert_create_parameters(R"sql(
  INSERT INTO prebuilds.workspace_build_parameters (id, created_at, updated_at, workspace_build_id, name, value)
  SELECT prebuilds.uuid_v7($4), $4, $4, i.build_id, x.name, x.value
    FROM unnest($1, $2, $3) i (build_id, template_version_id, preset_id)
   CROSS JOIN LATERAL (
         SELECT pp.name, pp.value
           FROM prebuilds.template_version_preset_parameters pp
          WHERE pp.template_version_preset_id = i.preset_id
         UNION ALL
         SELECT vp.name, vp.default_value
           FROM prebuilds.template_version_parameters vp
          WHERE vp.template_version_id = i.template_version_id
            AND NOT vp.required
            AND NOT EXISTS (SELECT FROM prebuilds.template_version_preset_parameters pp
                             WHERE pp.template_version_preset_id = i.preset_id
                               AND pp.name = vp.name)) x
)sql",
                                                 UUIDARRAYOID, UUIDARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID);

// ---- steps ----------------------------------------------------------------------------------------------

// What one step is to do for one preset.
struct Work {
  const core::PresetSnapshot *preset;
  std::vector<core::Prebuild> prebuilds;  // to cancel or to delete
  int creates = 0;

  int size() const { return creates + static_cast<int>(prebuilds.size()); }
};

int total(std::span<const Work> works) {
  int sum = 0;
  for (const Work &work : works) sum += work.size();
  return sum;
}

// Columns of the rows to be written, side by side.
struct DeleteBuilds {
  std::vector<core::Uuid> workspaces, jobs, builds;

  void add(const core::Uuid &workspace, core::Instant now) {
    workspaces.push_back(workspace);
    jobs.push_back(pg::make_uuid_v7(now));
    builds.push_back(pg::make_uuid_v7(now));
  }
  void write(core::Instant now, bool keep_state, std::optional<core::Instant> ended_at = {}) const {
    if (workspaces.empty()) return;
    insert_delete_jobs.run({workspaces, jobs, builds, now, ended_at});
    insert_delete_builds.run({workspaces, jobs, builds, now, keep_state});
    copy_parameters.run({workspaces, builds, now});
  }
};

std::vector<core::Prebuild> prebuilds_by_id(std::span<const Work> works) {
  std::vector<core::Prebuild> all;
  for (const Work &work : works) all.insert(all.end(), work.prebuilds.begin(), work.prebuilds.end());
  std::sort(all.begin(), all.end(), [](const auto &a, const auto &b) { return a.id < b.id; });
  return all;
}

Applied cancel_pending(std::span<const Work> works, core::Instant now) {
  std::vector<core::Uuid> decided, locked;
  for (const core::Prebuild &prebuild : prebuilds_by_id(works)) decided.push_back(prebuild.id);
  lock_pending.run({decided}).each([&](pg::Row &row) { locked.push_back(row.uuid()); });

  std::vector<core::Uuid> workspaces, jobs;
  lock_references.run({locked}).each([&](pg::Row &row) {
    workspaces.push_back(row.uuid());
    jobs.push_back(row.uuid());
  });
  Applied applied;
  applied.conflicts = static_cast<int>(decided.size() - workspaces.size());
  applied.canceled = applied.deleted = static_cast<int>(workspaces.size());
  if (workspaces.empty()) return applied;

  // Nothing was ever built, so where no provisioner would come there is nothing to wait for.
  const core::Instant stale =
      core::earlier(now, std::chrono::milliseconds(pg::guc::provisioner_stale_interval_ms));
  std::set<core::Uuid> unserved;
  select_unserved.run({workspaces, stale}).each([&](pg::Row &row) { unserved.insert(row.uuid()); });
  DeleteBuilds pending, ended;
  for (const core::Uuid &workspace : workspaces)
    (unserved.contains(workspace) ? ended : pending).add(workspace, now);

  cancel_jobs.run({jobs, now});
  pending.write(now, /* keep_state = */ false);
  ended.write(now, /* keep_state = */ false, /* ended_at = */ now);
  if (!ended.workspaces.empty()) {
    delete_agents.run({ended.workspaces, now});
    mark_deleted.run({ended.workspaces, now});
  }
  return applied;
}

Applied delete_running(std::span<const Work> works, core::Instant now) {
  std::vector<core::Uuid> decided, locked;
  std::vector<int> build_numbers;
  for (const core::Prebuild &prebuild : prebuilds_by_id(works)) {
    decided.push_back(prebuild.id);
    build_numbers.push_back(prebuild.build_number);
  }
  lock_running.run({decided, build_numbers}).each([&](pg::Row &row) { locked.push_back(row.uuid()); });

  DeleteBuilds deletes;
  lock_references.run({locked}).each([&](pg::Row &row) { deletes.add(row.uuid(), now); });

  Applied applied;
  applied.deleted = static_cast<int>(deletes.workspaces.size());
  applied.conflicts = static_cast<int>(decided.size()) - applied.deleted;
  deletes.write(now, /* keep_state = */ true);
  return applied;
}

std::string random_workspace_name() {
  constexpr std::string_view base32 = "abcdefghijklmnopqrstuvwxyz234567";
  std::array<std::uint8_t, 15> random;
  pg::fill_random(random);
  std::string name = "prebuild-";
  for (const std::uint8_t byte : random) name += base32[byte % base32.size()];
  return name;
}

// What creates refer to: their foreign keys would wait for whoever holds one of these rows; a pass does not.
// Only inside of call().
class References {
 public:
  void close() {
    for (pg::IndexScan *table : {&presets, &versions, &templates, &organizations, &users}) table->end();
  }
  bool lock(const core::Uuid &preset) {
    return lock(presets, preset) && lock(versions, presets.uuid("template_version_id")) &&
           lock(templates, versions.uuid("template_id")) &&
           lock(organizations, templates.uuid("organization_id")) && lock(users, core::system_user);
  }

 private:
  static bool lock(pg::IndexScan &table, const core::Uuid &id) {
    table.start(id);
    return table.next() && table.lock_like_select(LockWaitSkip, LockTupleKeyShare) == pg::RowLock::taken;
  }

  pg::IndexScan presets{"template_version_presets", "template_version_presets_pkey", 1, RowShareLock};
  pg::IndexScan versions{"template_versions", "template_versions_pkey", 1, RowShareLock};
  pg::IndexScan templates{"templates", "templates_pkey", 1, RowShareLock};
  pg::IndexScan organizations{"organizations", "organizations_pkey", 1, RowShareLock};
  pg::IndexScan users{"users", "users_pkey", 1, RowShareLock};
};
static_assert(std::is_trivially_destructible_v<References>);

// Of these presets, those whose references could be locked.
std::set<core::Uuid> lock_references_of(const std::set<core::Uuid> &presets) {
  std::set<core::Uuid> locked;
  pg::call([&] {
    PushActiveSnapshot(GetLatestSnapshot());
    References references;
    for (const core::Uuid &preset : presets) {
      CHECK_FOR_INTERRUPTS();
      if (references.lock(preset)) locked.insert(preset);
    }
    references.close();
    PopActiveSnapshot();
  });
  return locked;
}

Applied create(std::span<const Work> works, core::Instant now) {
  std::set<core::Uuid> decided;
  for (const Work &work : works) decided.insert(work.preset->id);
  const std::set<core::Uuid> locked = lock_references_of(decided);

  Applied applied;
  std::vector<core::Uuid> workspaces, jobs, builds, organizations, templates, versions, presets;
  std::vector<std::string> names;
  for (const Work &work : works) {
    if (!locked.contains(work.preset->id)) {
      applied.conflicts += work.creates;
      continue;
    }
    applied.created += work.creates;
    applied.created_by_preset[work.preset->id] = work.creates;
    for (int i = 0; i < work.creates; i++) {
      workspaces.push_back(pg::make_uuid_v7(now));
      jobs.push_back(pg::make_uuid_v7(now));
      builds.push_back(pg::make_uuid_v7(now));
      names.push_back(random_workspace_name());
      organizations.push_back(work.preset->organization_id);
      templates.push_back(work.preset->template_id);
      versions.push_back(work.preset->template_version_id);
      presets.push_back(work.preset->id);
    }
  }
  if (applied.created == 0) return applied;

  insert_workspaces.run({workspaces, organizations, templates, names, now});
  insert_create_jobs.run({jobs, builds, templates, versions, now});
  insert_create_builds.run({builds, workspaces, versions, jobs, presets, now});
  insert_create_parameters.run({builds, versions, presets, now});
  return applied;
}

struct Step {
  core::ActionKind action;
  Applied (*apply)(std::span<const Work>, core::Instant);
};

// Somebody else was faster, in a way that a lock could not show: not an error of the preset's.
bool is_conflict(const pg::SqlError &error) {
  switch (error.sqlstate) {
    case ERRCODE_T_R_SERIALIZATION_FAILURE:
    case ERRCODE_T_R_DEADLOCK_DETECTED:
    case ERRCODE_UNIQUE_VIOLATION:
    case ERRCODE_FOREIGN_KEY_VIOLATION:
    case ERRCODE_LOCK_NOT_AVAILABLE: return true;
    default: return false;
  }
}

void add(Applied &sum, Applied &&part) {
  sum.created += part.created;
  sum.deleted += part.deleted;
  sum.canceled += part.canceled;
  sum.conflicts += part.conflicts;
  sum.created_by_preset.merge(part.created_by_preset);
  sum.failures.insert(sum.failures.end(), part.failures.begin(), part.failures.end());
}

// All presets in one subtransaction; if that fails, again in halves, until what fails stands alone. A lock
// that was waited for once, as long as lock_timeout allows, is not waited for again by every half and every
// later step.
void run_step(const Step &step, std::span<const Work> works, core::Instant now, Applied &sum,
              std::optional<pg::WithoutWaiting> &patience_is_over) {
  if (works.empty()) return;
  Applied part;
  const auto error = pg::in_subtransaction([&] { part = step.apply(works, now); });
  if (!error) return add(sum, std::move(part));
  if (error->sqlstate == ERRCODE_LOCK_NOT_AVAILABLE && !patience_is_over) patience_is_over.emplace();

  if (works.size() > 1) {
    run_step(step, works.first(works.size() / 2), now, sum, patience_is_over);
    run_step(step, works.subspan(works.size() / 2), now, sum, patience_is_over);
  } else if (is_conflict(*error)) {
    sum.conflicts += total(works);
  } else {
    sum.failures.push_back({works.front().preset->id, step.action, error->code(), error->message});
  }
}

}  // namespace

Applied apply_plans(std::span<const core::PresetPlan> plans, core::Instant now) {
  Applied sum;
  std::optional<pg::WithoutWaiting> patience_is_over;
  const auto works_of = [&](core::ActionKind kind) {
    std::set<core::Uuid> left_out;
    for (const PresetFailure &failure : sum.failures) left_out.insert(failure.preset);
    std::vector<Work> works;
    for (const core::PresetPlan &plan : plans) {
      if (left_out.contains(plan.preset->id)) continue;
      Work work{.preset = plan.preset, .prebuilds = {}};
      for (const core::Action &action : plan.decision.actions) {
        if (action.kind != kind) continue;
        work.prebuilds.insert(work.prebuilds.end(), action.prebuilds.begin(), action.prebuilds.end());
        if (kind == core::ActionKind::create) work.creates = action.count;
      }
      if (work.size() > 0) works.push_back(std::move(work));
    }
    return works;
  };
  for (const Step &step :
       {Step{core::ActionKind::cancel_pending, cancel_pending},
        Step{core::ActionKind::delete_prebuilds, delete_running}, Step{core::ActionKind::create, create}})
    run_step(step, works_of(step.action), now, sum, patience_is_over);
  return sum;
}

}  // namespace prebuilds::reconciler
