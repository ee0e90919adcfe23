#include "reconciler/record.hpp"

#include "reconciler/names.hpp"

namespace prebuilds::reconciler {

namespace {

// A preset that somebody is changing gets its status in the next pass: a pass waits for nobody.
constinit pg::Statement update_statuses(R"sql(
  UPDATE prebuilds.template_version_presets p
     SET prebuild_status = locked.prebuild_status::prebuilds.prebuild_status, updated_at = $3
    FROM (SELECT lp.id, i.prebuild_status
            FROM unnest($1, $2) i (id, prebuild_status)
           CROSS JOIN LATERAL (
                 SELECT sp.id
                   FROM prebuilds.template_version_presets sp
                  WHERE sp.id = i.id
                    FOR NO KEY UPDATE SKIP LOCKED) lp
         ) locked
   WHERE p.id = locked.id
     AND p.prebuild_status::pg_catalog.text <> locked.prebuild_status
  RETURNING p.id, p.prebuild_status = 'hard_limited'
)sql",
                                        UUIDARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement insert_notifications(R"sql(
  INSERT INTO prebuilds.notifications (id, created_at, kind, user_id, payload)
  SELECT prebuilds.uuid_v7($2), $2, 'prebuilds_hard_limited', a.user_id,
         pg_catalog.jsonb_build_object('organization', o.name, 'template', t.name, 'template_version', v.name,
                                       'preset', p.name, 'preset_id', p.id)
    FROM pg_catalog.unnest($1) i (id)
   CROSS JOIN LATERAL (SELECT * FROM prebuilds.template_version_presets WHERE id = i.id LIMIT 1) p
   CROSS JOIN LATERAL (SELECT * FROM prebuilds.template_versions WHERE id = p.template_version_id LIMIT 1) v
   CROSS JOIN LATERAL (SELECT * FROM prebuilds.templates WHERE id = v.template_id LIMIT 1) t
   CROSS JOIN LATERAL (SELECT * FROM prebuilds.organizations WHERE id = t.organization_id LIMIT 1) o
   CROSS JOIN LATERAL prebuilds.template_admins(o.id) a (user_id)
)sql",
                                             UUIDARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement notify_notifications(R"sql(
  SELECT pg_catalog.pg_notify('prebuilds_notification', '')
)sql");

constinit pg::Statement insert_failures(R"sql(
  INSERT INTO prebuilds.preset_failures (id, created_at, preset_id, action, sqlstate, message)
  SELECT prebuilds.uuid_v7($5), $5, i.preset_id, i.action, i.sqlstate, i.message
    FROM unnest($1, $2, $3, $4) i (preset_id, action, sqlstate, message)
   CROSS JOIN LATERAL (SELECT FROM prebuilds.template_version_presets p
                        WHERE p.id = i.preset_id FOR KEY SHARE SKIP LOCKED) p
)sql",
                                        UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
                                        TIMESTAMPTZOID);

constinit pg::Statement insert_pass(R"sql(
  INSERT INTO prebuilds.reconcile_passes
         (id, created_at, elapsed, presets_total, presets_reconciled, created, deleted, canceled, conflicts, errors,
          failures, creates)
  SELECT prebuilds.uuid_v7($1), $1, $2 * interval '1 microsecond', $3, $4, $5, $6, $7, $8, $9,
         (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                     'preset_id', f.preset_id, 'sqlstate', f.sqlstate, 'message', f.message)), '[]')
            FROM unnest($10, $11, $12) f (preset_id, sqlstate, message)),
         (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
                     'preset_id', c.preset_id, 'desired', c.desired, 'valid', c.valid, 'starting', c.starting,
                     'created', c.created)), '[]')
            FROM unnest($13, $14, $15, $16, $17) c (preset_id, desired, valid, starting, created))
  RETURNING id
)sql",
                                    TIMESTAMPTZOID, INT8OID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID,
                                    INT4OID, INT4OID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, UUIDARRAYOID,
                                    INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID);

// A part that was counted meanwhile, or is being counted, stays a row of its own: nothing is counted twice.
constinit pg::Statement merge_parts(R"sql(
  WITH parts AS (
       DELETE FROM prebuilds.reconcile_passes r
        USING (SELECT l.id FROM prebuilds.reconcile_passes l
                WHERE l.id = ANY ($2) AND NOT l.folded FOR UPDATE SKIP LOCKED) locked
        WHERE r.id = locked.id
       RETURNING r.*)
  UPDATE prebuilds.reconcile_passes p
     SET created = p.created + s.created, deleted = p.deleted + s.deleted, canceled = p.canceled + s.canceled,
         conflicts = p.conflicts + s.conflicts, errors = p.errors + s.errors,
         failures = p.failures || (SELECT coalesce(pg_catalog.jsonb_agg(f.failure), '[]')
                                     FROM parts CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(parts.failures) f (failure)),
         creates = p.creates || (SELECT coalesce(pg_catalog.jsonb_agg(c.creation), '[]')
                                   FROM parts CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(parts.creates) c (creation))
    FROM (SELECT sum(created)::pg_catalog.int4 AS created, sum(deleted)::pg_catalog.int4 AS deleted,
                 sum(canceled)::pg_catalog.int4 AS canceled, sum(conflicts)::pg_catalog.int4 AS conflicts,
                 sum(errors)::pg_catalog.int4 AS errors
            FROM parts) s
   WHERE p.id = $1
     AND s.created IS NOT NULL
)sql",
                                    UUIDOID, UUIDARRAYOID);

void store_statuses(std::span<const core::PresetPlan> plans, core::Instant now) {
  std::vector<core::Uuid> presets;
  std::vector<std::string> statuses;
  for (const core::PresetPlan &plan : plans) {
    if (!plan.decision.new_status) continue;
    presets.push_back(plan.preset->id);
    statuses.emplace_back(name_of(*plan.decision.new_status));
  }
  if (presets.empty()) return;

  std::vector<core::Uuid> newly_hard_limited;
  update_statuses.run({presets, statuses, now}).each([&](pg::Row &row) {
    const core::Uuid preset = row.uuid();
    if (row.boolean()) newly_hard_limited.push_back(preset);
  });
  if (newly_hard_limited.empty()) return;
  if (insert_notifications.run({newly_hard_limited, now}).count() > 0) notify_notifications.run();
}

core::Uuid store_pass(std::span<const core::PresetPlan> plans, const Applied &applied, const PassStats &stats,
                      core::Instant now) {
  std::vector<core::Uuid> failed;
  std::vector<std::string> actions, sqlstates, messages;
  for (const PresetFailure &failure : applied.failures) {
    failed.push_back(failure.preset);
    actions.emplace_back(name_of(failure.action));
    sqlstates.push_back(failure.sqlstate);
    messages.push_back(failure.message);
  }
  if (!failed.empty()) insert_failures.run({failed, actions, sqlstates, messages, now});

  std::vector<core::Uuid> presets;
  std::vector<int> desired, valid, starting, created;
  for (const core::PresetPlan &plan : plans) {
    const auto found = applied.created_by_preset.find(plan.preset->id);
    if (found == applied.created_by_preset.end()) continue;
    const core::State &state = plan.decision.state;
    presets.push_back(plan.preset->id);
    desired.push_back(state.desired);
    valid.push_back(state.actual - state.expired);
    starting.push_back(state.starting);
    created.push_back(found->second);
  }
  return insert_pass
      .run({now, static_cast<std::int64_t>(stats.elapsed.count()), stats.presets_total,
            stats.presets_reconciled, stats.created, stats.deleted, stats.canceled, stats.conflicts,
            stats.errors, failed, sqlstates, messages, presets, desired, valid, starting, created})
      .first([](pg::Row &row) { return row.uuid(); });
}

}  // namespace

std::optional<core::Uuid> record(std::span<const core::PresetPlan> plans, const Applied &applied,
                                 const std::vector<core::Uuid> &parts, const PassStats &stats,
                                 core::Instant now) {
  store_statuses(plans, now);
  std::optional<core::Uuid> pass;
  if (stats.did_something() || !parts.empty()) pass = store_pass(plans, applied, stats, now);
  if (!parts.empty()) merge_parts.run({*pass, parts});
  return pass;
}

}  // namespace prebuilds::reconciler
