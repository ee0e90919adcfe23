#include "metrics/finished_builds.hpp"

#include "pg/index_scan.hpp"
#include "pg/jsonb.hpp"
#include "pg/table_writer.hpp"

namespace prebuilds::metrics {

namespace {

// What the series of a build are known by.
struct Series {
  bool found = false;  // a version that is gone has none
  core::Uuid template_id;
  std::string preset_name;  // empty without a preset
};

// A build that tells something.
struct Told {
  const StoredBuild *build;
  std::vector<core::Observation> observations;
  Series series;
};

bool says_claim(Datum input) { return pg::text_member(input, "prebuilt_workspace_stage") == "claim"; }

// Whether a start of the workspace before this build has succeeded. The newest ones first: most often it is
// the first that is looked at.
bool started_before(const core::Uuid &workspace, int build_number) {
  return pg::call([&] {
    pg::IndexScan builds{"workspace_builds", "workspace_builds_workspace_id_build_number_key", 2};
    pg::IndexScan jobs{"provisioner_jobs", "provisioner_jobs_pkey"};
    const AttrNumber transition = builds.column("transition"), status = jobs.column("job_status");
    const Oid start = pg::enum_value(builds.type(transition), "start");
    const Oid succeeded = pg::enum_value(jobs.type(status), "succeeded");
    ScanKeyData earlier[2];
    earlier[0] = pg::uuid_key(1, workspace);
    ScanKeyInit(&earlier[1], 2, BTLessStrategyNumber, F_INT4LT, Int32GetDatum(build_number));
    builds.start(earlier);
    bool found = false;
    while (!found && builds.next(BackwardScanDirection)) {
      CHECK_FOR_INTERRUPTS();
      if (DatumGetObjectId(builds.value(transition)) != start) continue;
      jobs.start(builds.uuid("job_id"));
      found = jobs.next() && DatumGetObjectId(jobs.value(status)) == succeeded;
    }
    builds.end();
    jobs.end();
    return found;
  });
}

void find_series(std::span<Told> builds) {
  pg::call([&] {
    pg::IndexScan versions{"template_versions", "template_versions_pkey"};
    pg::IndexScan presets{"template_version_presets", "template_version_presets_pkey"};
    for (Told &told : builds) {
      CHECK_FOR_INTERRUPTS();
      versions.start(told.build->template_version_id);
      if (!versions.next()) continue;
      told.series.found = true;
      told.series.template_id = versions.uuid("template_id");
      if (!told.build->preset_id) continue;
      presets.start(*told.build->preset_id);
      if (!presets.next()) continue;
      pg::assign(told.series.preset_name, presets.value("name"));
    }
    versions.end();
    presets.end();
  });
}

void store(std::span<const Told> builds) {
  pg::call([&] {
    pg::TableWriter writer("metric_observations");
    for (const Told &told : builds) {
      CHECK_FOR_INTERRUPTS();
      const core::Instant at = told.build->build.job.ended_at;
      for (const core::Observation &observation : told.observations) {
        std::optional<pg::Seconds> seconds;
        if (observation.duration) seconds = {*observation.duration};
        writer.insert(std::array<pg::Param, 7>{pg::make_uuid_v7(at), at, told.series.template_id,
                                               told.series.preset_name, observation.metric,
                                               observation.variant, seconds});
      }
    }
    writer.end();
  });
}

}  // namespace

std::optional<core::Outcome> outcome_of(Datum job_status) {
  HeapTuple value = SearchSysCache1(ENUMOID, job_status);
  if (!HeapTupleIsValid(value)) return {};
  const std::string_view label = NameStr(reinterpret_cast<Form_pg_enum>(GETSTRUCT(value))->enumlabel);
  std::optional<core::Outcome> outcome;
  if (label == "succeeded") outcome = core::Outcome::succeeded;
  if (label == "canceled") outcome = core::Outcome::canceled;
  if (label == "failed") outcome = core::Outcome::failed;
  ReleaseSysCache(value);
  return outcome;
}

core::FinishedJob read_job(TupleTableSlot *row, core::Outcome outcome) {
  auto value = [&](const char *column, bool *null) {
    return slot_getattr(row, pg::column_number(row->tts_tupleDescriptor, column), null);
  };
  auto instant = [&](const char *column) {
    bool null = false;
    const Datum at = value(column, &null);
    return null ? std::nullopt : std::optional(pg::to_instant(DatumGetTimestampTz(at)));
  };
  bool null = false;
  const auto completed_at = instant("completed_at");
  const bool says_when = completed_at && core::is_finite(*completed_at);
  return {.id = pg::to_uuid(value("id", &null)),
          .outcome = outcome,
          .claim = says_claim(value("input", &null)),
          .queued_at = *instant("created_at"),
          .started_at = instant("started_at"),
          .ended_at = says_when ? *completed_at : pg::to_instant(GetCurrentTimestamp())};
}

std::vector<StoredBuild> builds_of(std::span<const core::FinishedJob> jobs) {
  std::vector<StoredBuild> found;
  found.reserve(jobs.size());
  pg::call([&] {
    CommandCounterIncrement();  // the statement may have written builds as well
    PushActiveSnapshot(GetLatestSnapshot());
    pg::IndexScan builds{"workspace_builds", "workspace_builds_job_id_key"};
    const AttrNumber transition = builds.column("transition"),
                     preset = builds.column("template_version_preset_id");
    const Oid start = pg::enum_value(builds.type(transition), "start");
    for (const core::FinishedJob &job : jobs) {
      CHECK_FOR_INTERRUPTS();
      builds.start(job.id);
      if (!builds.next()) continue;
      StoredBuild build;
      build.build = {.job = job,
                     .start = DatumGetObjectId(builds.value(transition)) == start,
                     .system_initiated = builds.uuid("initiator_id") == core::system_user,
                     .build_number = DatumGetInt32(builds.value(builds.column("build_number")))};
      build.workspace_id = builds.uuid("workspace_id");
      build.template_version_id = builds.uuid("template_version_id");
      if (!builds.is_null(preset)) build.preset_id = pg::to_uuid(builds.value(preset));
      build.open = DatumGetBool(builds.value(builds.column("open")));
      found.push_back(build);
    }
    builds.end();
    PopActiveSnapshot();
  });
  return found;
}

void observe(std::span<const StoredBuild> builds) {
  pg::call([] { PushActiveSnapshot(GetLatestSnapshot()); });
  std::vector<Told> tellers;
  for (const StoredBuild &build : builds) {
    std::vector<core::Observation> observations = core::observe(
        build.build, [&] { return started_before(build.workspace_id, build.build.build_number); });
    if (!observations.empty()) tellers.push_back({&build, std::move(observations), {}});
  }
  if (!tellers.empty()) find_series(tellers);
  pg::call([] { PopActiveSnapshot(); });

  std::erase_if(tellers, [](const Told &told) { return !told.series.found; });
  if (!tellers.empty()) store(tellers);
}

}  // namespace prebuilds::metrics
