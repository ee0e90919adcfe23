// The SQL functions of the reconciler.
#include "pg/result_set.hpp"
#include "reconciler/membership.hpp"
#include "reconciler/names.hpp"
#include "reconciler/pass.hpp"
#include "reconciler/snapshot.hpp"
#include "reconciler/standstill.hpp"

using namespace prebuilds;
using reconciler::name_of;
using reconciler::PassStats;

namespace {

constinit pg::Statement require_operator(R"sql(
  SELECT prebuilds.require_operator_for($1)
)sql",
                                         TIMESTAMPTZOID);

constinit pg::Statement select_preset(R"sql(
  SELECT FROM prebuilds.template_version_presets WHERE id = $1
)sql",
                                      UUIDOID);

// Even where there is nothing to write, so that nobody finds out on the day that there is.
void require_writable(const char *function) {
  pg::call([&] { PreventCommandIfReadOnly(function); });
}

// The argument as_of: what a call decides for. NULL: the clock, read once.
core::Instant instant_of(FunctionCallInfo fcinfo, int argument) {
  if (PG_ARGISNULL(argument)) return pg::to_instant(GetCurrentTimestamp());
  const TimestampTz as_of = PG_GETARG_TIMESTAMPTZ(argument);
  if (TIMESTAMP_NOT_FINITE(as_of))
    throw pg::SqlError(ERRCODE_INVALID_PARAMETER_VALUE, "as_of is infinite", {},
                       "Give an instant, or NULL for now.");
  require_operator.run({pg::to_instant(as_of)});
  return pg::to_instant(as_of);
}

void add(pg::ResultSet &result, const PassStats &stats) {
  result.add({stats.elapsed, stats.presets_total, stats.presets_reconciled, stats.created, stats.deleted,
              stats.canceled, stats.conflicts, stats.errors, stats.lock_acquired, stats.paused});
}

void add_actions(pg::ResultSet &result, const core::PresetPlan &plan,
                 const std::optional<std::string> &standstill) {
  const core::PresetSnapshot &preset = *plan.preset;
  for (const core::Action &action : plan.decision.actions) {
    std::optional<std::vector<core::Uuid>> workspaces;
    if (!action.prebuilds.empty()) {
      workspaces.emplace();
      for (const core::Prebuild &prebuild : action.prebuilds) workspaces->push_back(prebuild.id);
    }
    result.add({preset.organization_name, preset.template_name, preset.template_version_name, preset.name,
                preset.id, name_of(action.kind), name_of(action.cause), action.count, workspaces,
                (standstill ? *standstill + ": " : std::string()) + action.reason, action.retry_at});
  }
}

void add_status(pg::ResultSet &result, const core::PresetPlan &plan,
                const std::optional<std::string> &standstill) {
  const core::PresetSnapshot &preset = *plan.preset;
  const core::Decision &decision = plan.decision;
  const core::State &state = decision.state;
  std::optional<std::string> problem;
  if (!decision.problem.empty()) problem = decision.problem;
  if (standstill == "held")
    problem = "held: this database was restored or copied, prebuilds_resume() releases it" +
              (problem ? "; " + *problem : std::string());
  result.add({preset.organization_name,
              preset.template_name,
              preset.template_version_name,
              preset.name,
              preset.id,
              preset.active(),
              state.desired,
              name_of(state.desired_source),
              state.actual,
              state.eligible,
              state.expired,
              state.extraneous,
              state.starting,
              state.stopping,
              state.deleting,
              static_cast<int>(preset.pending_inactive.size()),
              preset.failed,
              preset.parked,
              name_of(decision.new_status.value_or(preset.prebuild_status)),
              decision.backoff.num_failed,
              decision.backoff.until,
              problem});
}

// Looks at presets as they are at this moment, whatever the isolation level.
template <class Select, class Show>
Datum show(FunctionCallInfo fcinfo, reconciler::Reader reader, Select select, Show add_rows) {
  pg::ResultSet result(fcinfo);
  pg::SpiSession session;
  const core::Instant now = instant_of(fcinfo, 0);
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  const reconciler::Plan plan = reconciler::plan_pools(select(now), now, reader);
  const std::optional<std::string> standstill = reconciler::standstill();
  pg::call([] { PopActiveSnapshot(); });
  for (const core::PresetPlan &each : plan.plans) add_rows(result, each, standstill);
  return Datum{0};
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_reconcile_all);
PG_FUNCTION_INFO_V1(prebuilds_reconcile_preset);
PG_FUNCTION_INFO_V1(prebuilds_plan);
PG_FUNCTION_INFO_V1(prebuilds_status);
PG_FUNCTION_INFO_V1(prebuilds_reconcile_membership);

PGDLLEXPORT Datum prebuilds_reconcile_all(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::ResultSet result(fcinfo);
    pg::SpiSession session;
    require_writable("prebuilds_reconcile_all()");
    add(result, reconciler::pass_in_transaction(std::nullopt, instant_of(fcinfo, 0)));
    return Datum{0};
  });
}

PGDLLEXPORT Datum prebuilds_reconcile_preset(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::ResultSet result(fcinfo);
    pg::SpiSession session;
    require_writable("prebuilds_reconcile_preset()");
    if (PG_ARGISNULL(0))
      throw pg::SqlError(ERRCODE_INVALID_PARAMETER_VALUE, "preset_id is null", {},
                         "Give the id of a preset.");
    const core::Uuid preset = pg::to_uuid(PG_GETARG_DATUM(0));
    const core::Instant now = instant_of(fcinfo, 1);
    if (select_preset.run({preset}).empty())
      throw pg::SqlError(ERRCODE_NO_DATA_FOUND, "preset " + pg::to_text(preset) + " does not exist", {},
                         "Pass the id of an existing preset.");
    add(result, reconciler::pass_in_transaction(preset, now));
    return Datum{0};
  });
}

PGDLLEXPORT Datum prebuilds_plan(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const auto needy = [](core::Instant now) {
      return reconciler::pools_in_need(std::nullopt, now, std::nullopt).pools;
    };
    return show(fcinfo, reconciler::Reader::pass, needy, add_actions);
  });
}

PGDLLEXPORT Datum prebuilds_status(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const auto all = [](core::Instant) { return reconciler::pools_to_show(); };
    return show(fcinfo, reconciler::Reader::people, all, add_status);
  });
}

PGDLLEXPORT Datum prebuilds_reconcile_membership(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::ResultSet result(fcinfo);
    pg::SpiSession session;
    require_writable("prebuilds_reconcile_membership()");
    pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
    for (const auto &change : reconciler::reconcile_membership(pg::to_instant(GetCurrentTimestamp())))
      result.add({change.organization, change.organization_name, change.member_added, change.group_added,
                  change.group_member_added});
    pg::call([] { PopActiveSnapshot(); });
    return Datum{0};
  });
}

}  // extern "C"
