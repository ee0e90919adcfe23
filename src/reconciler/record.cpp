#include "reconciler/record.hpp"

#include "pg/jsonb.hpp"
#include "pg/table_writer.hpp"
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

void store_failures(std::span<const PresetFailure> failures, core::Instant now) {
  std::vector<core::Uuid> presets;
  std::vector<std::string> actions, sqlstates, messages;
  for (const PresetFailure &failure : failures) {
    presets.push_back(failure.preset);
    actions.emplace_back(name_of(failure.action));
    sqlstates.push_back(failure.sqlstate);
    messages.push_back(failure.message);
  }
  if (!presets.empty()) insert_failures.run({presets, actions, sqlstates, messages, now});
}

// The columns failures and creates of reconcile_passes. Only inside of call().
pg::AsIs to_jsonb(std::span<const PresetFailure> failures) {
  pg::JsonbBuilder json;
  json.begin_array();
  for (const PresetFailure &failure : failures) {
    json.begin_object();
    json.add("preset_id", failure.preset);
    json.add("sqlstate", failure.sqlstate);
    json.add("message", failure.message);
    json.end_object();
  }
  json.end_array();
  return {json.result()};
}
pg::AsIs to_jsonb(std::span<const core::PresetPlan> plans,
                  const std::map<core::Uuid, int> &created_by_preset) {
  pg::JsonbBuilder json;
  json.begin_array();
  for (const core::PresetPlan &plan : plans) {
    const auto created = created_by_preset.find(plan.preset->id);
    if (created == created_by_preset.end()) continue;
    const core::State &state = plan.decision.state;
    json.begin_object();
    json.add("preset_id", plan.preset->id);
    json.add("desired", state.desired);
    json.add("valid", state.actual - state.expired);
    json.add("starting", state.starting);
    json.add("created", created->second);
    json.end_object();
  }
  json.end_array();
  return {json.result()};
}

core::Uuid store_pass(std::span<const core::PresetPlan> plans, const Applied &applied, const PassStats &stats,
                      core::Instant now) {
  const core::Uuid id = pg::make_uuid_v7(now);
  const bool folded = false;
  pg::call([&] {
    pg::TableWriter writer("reconcile_passes");
    writer.insert(std::array<pg::Param, 13>{
        id, now, stats.elapsed, stats.presets_total, stats.presets_reconciled, stats.created, stats.deleted,
        stats.canceled, stats.conflicts, stats.errors, to_jsonb(applied.failures),
        to_jsonb(plans, applied.created_by_preset), folded});
    writer.end();
  });
  return id;
}

}  // namespace

std::optional<core::Uuid> record(std::span<const core::PresetPlan> plans, const Applied &applied,
                                 const std::vector<core::Uuid> &parts, const PassStats &stats,
                                 core::Instant now) {
  store_statuses(plans, now);
  store_failures(applied.failures, now);
  std::optional<core::Uuid> pass;
  if (stats.did_something() || !parts.empty()) pass = store_pass(plans, applied, stats, now);
  if (!parts.empty()) merge_parts.run({*pass, parts});
  return pass;
}

}  // namespace prebuilds::reconciler
