// Schedules are checked when they are written: their grammar, their counts, the zone they are meant in, and
// that no two of one preset share a minute.
#include "checks/timezone.hpp"
#include "core/schedule.hpp"
#include "pg/jsonb.hpp"
#include "pg/spi.hpp"
#include "pg/trigger.hpp"

using namespace prebuilds;

namespace {

struct Problem {
  core::Error error;
  std::optional<std::size_t> schedule;  // which one; none: the zone
};

std::optional<core::Error> zone_problem(const std::string &zone, bool has_schedules) {
  if (zone.empty()) {
    if (!has_schedules) return std::nullopt;
    return core::Error{
        .message = "invalid scheduling_timezone \"\" of a preset with schedules",
        .detail = "Schedules are ranges of civil time: they need the zone that they are meant in.",
        .hint = "Set the zone of the preset, for example to \"UTC\"."};
  }
  if (checks::is_timezone_name(zone)) return std::nullopt;
  return core::Error{
      .message = "invalid scheduling_timezone \"" + zone + "\"",
      .detail =
          "A zone is one of the names in pg_timezone_names, such as \"Europe/Berlin\", in that "
          "spelling; abbreviations, offsets and POSIX strings are none.",
      .hint = "SELECT name FROM pg_timezone_names shows all of them."};
}

std::optional<Problem> find_problem(const std::string &zone, std::span<const core::Schedule> schedules) {
  if (auto error = zone_problem(zone, !schedules.empty())) return Problem{std::move(*error), std::nullopt};

  auto error = core::validate_schedules(schedules);
  if (!error) return std::nullopt;
  // The core reports the first schedule that is wrong by itself or clashes with one before it: the last one
  // of the shortest beginning of the list that is not valid.
  std::size_t valid = 0, invalid = schedules.size();
  while (invalid - valid > 1) {
    const std::size_t middle = valid + (invalid - valid) / 2;
    (core::validate_schedules(schedules.first(middle)) ? invalid : valid) = middle;
  }
  return Problem{std::move(*error), invalid - 1};
}

std::vector<core::Schedule> schedules_of(const std::vector<std::string> &crons,
                                         const std::vector<int> &instances) {
  if (crons.size() != instances.size())
    throw pg::SqlError(ERRCODE_INVALID_PARAMETER_VALUE, "got " + std::to_string(crons.size()) +
                                                            " cron expressions and " +
                                                            std::to_string(instances.size()) + " counts");
  std::vector<core::Schedule> schedules;
  schedules.reserve(crons.size());
  for (std::size_t i = 0; i < crons.size(); i++)
    schedules.push_back({.id = {}, .cron_expression = crons[i], .desired_instances = instances[i]});
  return schedules;
}

Datum to_jsonb(const Problem &problem) {
  return pg::call([&] {
    pg::JsonbBuilder json;
    const auto add_text = [&](const char *key, const std::string &text) {
      if (text.empty())
        json.add_null(key);
      else
        json.add(key, text);
    };
    json.begin_object();
    add_text("message", problem.error.message);
    add_text("detail", problem.error.detail);
    add_text("hint", problem.error.hint);
    if (problem.schedule)
      json.add("index", static_cast<std::int64_t>(*problem.schedule));
    else
      json.add_null("index");
    json.end_object();
    return json.result();
  });
}

constinit pg::Statement written_presets(R"sql(
  SELECT DISTINCT n.preset_id FROM new_schedules AS n
)sql");

constinit pg::Statement lock_presets(R"sql(
  SELECT FROM prebuilds.template_version_presets AS p
   WHERE p.id = ANY ($1)
   ORDER BY p.id
     FOR NO KEY UPDATE
)sql",
                                     UUIDARRAYOID);

constinit pg::Statement read_presets(R"sql(
  SELECT p.name, p.scheduling_timezone, s.crons, s.instances
    FROM prebuilds.template_version_presets AS p
   CROSS JOIN LATERAL (
         SELECT array_agg(s.cron_expression ORDER BY s.created_at, s.id) AS crons,
                array_agg(s.desired_instances ORDER BY s.created_at, s.id) AS instances
           FROM prebuilds.template_version_preset_prebuild_schedules AS s
          WHERE s.preset_id = p.id) AS s
   WHERE p.id = ANY ($1)
     AND s.crons IS NOT NULL
   ORDER BY p.id
)sql",
                                     UUIDARRAYOID);

// The presets are locked first and read by a later statement: of two sessions that write schedules, or the
// zone, of one preset the second one waits, and then sees what the first one wrote.
void check_presets(const std::vector<core::Uuid> &presets) {
  lock_presets.run({presets});
  read_presets.run({presets}).each([](pg::Row &row) {
    const std::string name = row.text();
    const std::string zone = row.text();
    const std::vector<std::string> crons = row.texts();
    if (auto problem = find_problem(zone, schedules_of(crons, row.integers()))) {
      problem->error.message = "preset \"" + name + "\": " + problem->error.message;
      throw pg::SqlError(problem->error);
    }
  });
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_schedule_problem);
PG_FUNCTION_INFO_V1(prebuilds_check_written_schedules);
PG_FUNCTION_INFO_V1(prebuilds_check_changed_zone);

// prebuilds.schedule_problem(timezone text, crons text[], instances int[]) returns jsonb
PGDLLEXPORT Datum prebuilds_schedule_problem(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const std::string zone = PG_ARGISNULL(0) ? "" : pg::to_string(PG_GETARG_DATUM(0));
    const std::vector<std::string> crons =
        PG_ARGISNULL(1) ? std::vector<std::string>{} : pg::to_strings(PG_GETARG_DATUM(1));
    const std::vector<int> instances = PG_ARGISNULL(2) ? std::vector<int>{} : pg::to_ints(PG_GETARG_DATUM(2));
    if (const auto problem = find_problem(zone, schedules_of(crons, instances))) return to_jsonb(*problem);
    fcinfo->isnull = true;
    return Datum{0};
  });
}

// AFTER INSERT OR UPDATE of schedules FOR EACH STATEMENT, with the transition table new_schedules
PGDLLEXPORT Datum prebuilds_check_written_schedules(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    const pg::SpiSession session;
    pg::expose_transition_tables(trigger);
    std::vector<core::Uuid> presets;
    written_presets.run().each([&](pg::Row &row) { presets.push_back(row.uuid()); });
    if (!presets.empty()) check_presets(presets);
    return PointerGetDatum(nullptr);
  });
}

// AFTER UPDATE of a preset's zone FOR EACH ROW
PGDLLEXPORT Datum prebuilds_check_changed_zone(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    const core::Uuid preset = pg::uuid_column(trigger, trigger->tg_newslot, "id");
    const pg::SpiSession session;
    check_presets({preset});
    return PointerGetDatum(nullptr);
  });
}

}  // extern "C"
