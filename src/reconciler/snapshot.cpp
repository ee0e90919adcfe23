#include "reconciler/snapshot.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "checks/preset_values.hpp"
#include "checks/timezone.hpp"
#include "core/due.hpp"
#include "pg/gucs.hpp"
#include "pg/settings.hpp"
#include "reconciler/active_presets.hpp"
#include "reconciler/configurations.hpp"
#include "reconciler/failure_scan.hpp"
#include "reconciler/pool_scan.hpp"
#include "reconciler/schedule_scan.hpp"

namespace prebuilds::reconciler {

namespace {

constinit pg::Statement select_queue_problems(R"sql(
  SELECT i.preset_id,
         pg_catalog.format('no live provisioner of organization "%s" takes jobs for "%s" with tags %s',
                           o.name, t.provisioner, wanted.tags)
    FROM unnest($1, $2) i (preset_id, template_version_id)
   CROSS JOIN LATERAL (
         SELECT template_id, tags FROM prebuilds.template_versions WHERE id = i.template_version_id LIMIT 1) v
   CROSS JOIN LATERAL (
         SELECT organization_id, provisioner FROM prebuilds.templates WHERE id = v.template_id LIMIT 1) t
   CROSS JOIN LATERAL (SELECT name FROM prebuilds.organizations WHERE id = t.organization_id LIMIT 1) o
   CROSS JOIN LATERAL (SELECT prebuilds.normalized_tags(v.tags, 'c42fdf75-3097-471c-8c33-fb52454d81c0') AS tags) wanted
   WHERE NOT EXISTS (SELECT FROM prebuilds.live_provisioners(t.organization_id, t.provisioner, wanted.tags, $3))
)sql",
                                              UUIDARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID);

constinit pg::Statement select_prebuilds(R"sql(
  SELECT l.preset_id, l.workspace_id, l.created_at, l.build_number, l.ready,
         CASE l.transition WHEN 'start' THEN 0 WHEN 'stop' THEN 1 ELSE 2 END,
         CASE WHEN l.job_status IN ('pending', 'running', 'canceling') THEN 0
              WHEN l.job_status = 'succeeded' THEN 1
              WHEN l.job_status = 'failed' THEN 2
              ELSE 3
         END,
         l.job_status = 'pending',
         l.build_number = 1 AND l.system_initiated AND NOT l.worker_assigned,
         l.build_preset_id, l.template_version_id, l.build_created_at, l.build_id, l.job_completed_at
    FROM unnest($1, $2) i (preset_id, since)
   CROSS JOIN LATERAL (SELECT * FROM prebuilds.live_prebuilds
                        WHERE preset_id = i.preset_id AND created_at >= i.since OFFSET 0) l
)sql",
                                         UUIDARRAYOID, TIMESTAMPTZARRAYOID);

constinit pg::Statement select_active_versions(R"sql(
  SELECT v.id
    FROM pg_catalog.unnest($1) i (id)
   CROSS JOIN LATERAL (SELECT id, template_id FROM prebuilds.template_versions WHERE id = i.id LIMIT 1) v
   CROSS JOIN LATERAL (SELECT active_version_id, deleted FROM prebuilds.templates WHERE id = v.template_id LIMIT 1) t
   WHERE t.active_version_id = v.id
     AND NOT t.deleted
)sql",
                                               UUIDARRAYOID);

enum class Transition { start, stop, remove };
enum class Job { active, succeeded, failed, canceled };

// A build of the failure base, if its version turns out to be active in its template.
struct BaseBuild {
  core::BuildOutcome outcome;
  core::Uuid id;
  core::Uuid template_version_id;

  bool newer_than(const BaseBuild &other) const {
    return std::tie(outcome.created_at, id) > std::tie(other.outcome.created_at, other.id);
  }
};

struct Loaded : Configuration {
  std::vector<BaseBuild> base_builds;
  bool waits_for_provisioner = false;
};

// In the order in which they are shown.
class LoadedPresets {
 public:
  explicit LoadedPresets(std::vector<Configuration> configurations) {
    all_.reserve(configurations.size());
    for (Configuration &each : configurations) {
      position_[each.preset.id] = all_.size();
      all_.push_back({std::move(each), {}, false});
    }
  }
  // None: it is no prebuild configuration.
  Loaded *find(const core::Uuid &preset) {
    const auto found = position_.find(preset);
    return found == position_.end() ? nullptr : &all_[found->second];
  }
  std::span<Loaded> all() { return all_; }

 private:
  std::vector<Loaded> all_;
  std::map<core::Uuid, std::size_t> position_;
};

// Presets and their versions, side by side.
struct PresetIds {
  std::vector<core::Uuid> presets, template_versions;

  void add(const core::PresetSnapshot &preset) {
    presets.push_back(preset.id);
    template_versions.push_back(preset.template_version_id);
  }
};

core::PoolCounts to_counts(const Counted &counted) {
  core::PoolCounts counts;
  counts.running = counted.running;
  counts.starting = counted.starting;
  counts.pending = counted.pending;
  counts.failed_starts = counted.failed_starts;
  if (counted.running > 0) counts.oldest_running = pg::to_instant(counted.oldest_running);
  return counts;
}

void add_prebuild(Loaded &loaded, pg::Row &row) {
  core::PresetSnapshot &preset = loaded.preset;
  const core::Prebuild prebuild{
      .id = row.uuid(), .created_at = row.instant(), .build_number = row.integer(), .ready = row.boolean()};
  const auto transition = static_cast<Transition>(row.integer());
  const auto job = static_cast<Job>(row.integer());
  const bool pending = row.boolean();
  const bool untouched = row.boolean();
  const auto build_preset = row.optional_uuid();
  const core::Uuid build_version = row.uuid();
  const core::Instant build_created_at = row.instant();
  const core::Uuid build_id = row.uuid();
  const auto completed_at = row.optional_instant();

  loaded.waits_for_provisioner |= pending;
  if (job == Job::active) {
    switch (transition) {
      case Transition::start:
        preset.starting++;
        if (!preset.oldest_starting || prebuild.created_at < *preset.oldest_starting)
          preset.oldest_starting = prebuild.created_at;
        if (pending && untouched && !preset.active()) preset.pending_inactive.push_back(prebuild);
        break;
      case Transition::stop: preset.stopping++; break;
      case Transition::remove: preset.deleting++; break;
    }
  } else if (job == Job::succeeded) {
    if (transition == Transition::start) preset.running.push_back(prebuild);
    if (transition == Transition::stop) preset.parked++;
  } else {
    preset.failed++;
  }

  const bool since_reset = !loaded.failures_reset_at || build_created_at > *loaded.failures_reset_at;
  if (preset.active() && transition == Transition::start && build_preset == preset.id && since_reset)
    loaded.base_builds.push_back(
        {{job == Job::failed, build_created_at, completed_at}, build_id, build_version});
}

std::vector<core::Uuid> presets_of(const std::vector<Pool> &pools) {
  std::vector<core::Uuid> presets;
  presets.reserve(pools.size());
  for (const Pool &pool : pools) presets.push_back(pool.preset);
  return presets;
}

std::vector<pg::Timestamp> starts_of(const std::vector<Pool> &pools) {
  std::vector<pg::Timestamp> starts;
  starts.reserve(pools.size());
  for (const Pool &pool : pools) starts.push_back({pg::to_timestamptz(pool.look.from.created_at)});
  return starts;
}

// Those of pools that counts do not suffice for.
void load_prebuilds(LoadedPresets &loaded, const std::vector<Pool> &pools) {
  std::vector<Pool> to_read;
  for (const Pool &pool : pools) {
    if (!pool.counts) {
      to_read.push_back(pool);
    } else if (Loaded *found = loaded.find(pool.preset)) {
      found->preset.unlisted_running = pool.counts->running;
      found->preset.starting = pool.counts->starting;
    }
  }
  if (to_read.empty()) return;
  const pg::LookUpSettings settings;
  select_prebuilds.read({presets_of(to_read), starts_of(to_read)}).each([&](pg::Row &row) {
    if (Loaded *found = loaded.find(row.uuid())) add_prebuild(*found, row);
  });
}

// A build may be of another version than its preset, which only a look at that version's template can tell
// active.
void fill_failure_bases(std::span<Loaded> loaded) {
  std::set<core::Uuid> others;
  for (const Loaded &each : loaded) {
    for (const BaseBuild &build : each.base_builds) {
      if (build.template_version_id != each.preset.template_version_id)
        others.insert(build.template_version_id);
    }
  }
  std::set<core::Uuid> active;
  if (!others.empty()) {
    const std::vector<core::Uuid> ids(others.begin(), others.end());
    const pg::LookUpSettings settings;
    select_active_versions.read({ids}).each([&](pg::Row &row) { active.insert(row.uuid()); });
  }
  for (Loaded &each : loaded) {
    std::sort(each.base_builds.begin(), each.base_builds.end(),
              [](const BaseBuild &a, const BaseBuild &b) { return a.newer_than(b); });
    for (const BaseBuild &build : each.base_builds) {
      if (build.template_version_id == each.preset.template_version_id ||
          active.contains(build.template_version_id))
        each.preset.failure_base.push_back(build.outcome);
    }
  }
}

// A pass takes the static count where there is no zone, so only people need to see schedules there, which
// triggers that were off have let in.
void load_schedules(std::span<Loaded> loaded, core::Instant now, Reader reader) {
  pg::call([&] {
    std::optional<ScheduleScan> schedules;
    for (Loaded &each : loaded) {
      CHECK_FOR_INTERRUPTS();
      if (reader == Reader::pass && each.preset.scheduling_timezone.empty()) continue;
      if (!schedules) schedules.emplace();
      schedules->read(each.preset);
    }
    if (schedules) schedules->end();
  });
  for (Loaded &each : loaded) {
    core::PresetSnapshot &preset = each.preset;
    if (preset.schedules.empty()) continue;
    std::sort(preset.schedules.begin(), preset.schedules.end(),
              [](const core::Schedule &a, const core::Schedule &b) { return a.id < b.id; });
    preset.civil_now = checks::civil_time(now, preset.scheduling_timezone);
    preset.next_hour = checks::next_hour(now, preset.scheduling_timezone);
  }
}

// What failed before there was a build: since the last reset, and no longer ago than `lookback`.
void load_failures(std::span<Loaded> loaded, core::Instant lookback) {
  pg::call([&] {
    FailureScan failures;
    for (Loaded &each : loaded) {
      CHECK_FOR_INTERRUPTS();
      const auto &reset = each.failures_reset_at;
      failures.read(each.preset, reset ? std::max(lookback, core::later(*reset, core::tick)) : lookback);
    }
    failures.end();
  });
}

void load_validation_problems(std::span<Loaded> loaded) {
  std::vector<core::PresetSnapshot *> active;
  std::vector<checks::PresetOfVersion> ids;
  for (Loaded &each : loaded) {
    if (!each.preset.active()) continue;
    active.push_back(&each.preset);
    ids.push_back({each.preset.id, each.preset.template_version_id});
  }
  auto problems = checks::preset_problems(ids);
  for (std::size_t i = 0; i < active.size(); i++) active[i]->validation_problem = std::move(problems[i]);
}

// Of those with a pending job. `stale`: whoever was not seen since then takes none.
void load_queue_problems(LoadedPresets &loaded, core::Instant stale) {
  PresetIds waiting;
  for (const Loaded &each : loaded.all())
    if (each.waits_for_provisioner) waiting.add(each.preset);
  if (waiting.presets.empty()) return;
  const pg::LookUpSettings settings;
  select_queue_problems.read({waiting.presets, waiting.template_versions, stale}).each([&](pg::Row &row) {
    core::PresetSnapshot &preset = loaded.find(row.uuid())->preset;
    preset.queue_problem = row.text();
  });
}

// f(Pool, demand, counts) for each of these pools; adds the organizations of their presets.
template <class F>
void count_each(const std::vector<Pool> &pools, std::set<core::Uuid> &organizations, F f) {
  for (const ScannedPool &scanned : scan_pools(pools)) {
    marks::found(marks::prebuilds(scanned.pool.preset), scanned.pool.look, scanned.first);
    if (scanned.organization) organizations.insert(*scanned.organization);
    f(scanned.pool, scanned.demand, to_counts(scanned.counted));
  }
}

// f(Pool, demand, counts) for each preset that is active or has a live prebuild.
template <class F>
void count_all(F f) {
  auto counted = count_pools();
  for (const ActivePreset &preset : active_presets()) {
    const auto pool = counted.find(preset.id);
    f(Pool{preset.id, {}, {}}, preset.demand,
      pool == counted.end() ? core::PoolCounts{} : to_counts(pool->second));
    if (pool != counted.end()) counted.erase(pool);
  }
  for (const auto &[preset, inactive] : counted) f(Pool{preset, {}, {}}, std::nullopt, to_counts(inactive));
}

}  // namespace

std::vector<Pool> look_at(std::span<const core::Uuid> presets) {
  std::vector<Pool> pools;
  pools.reserve(presets.size());
  for (const core::Uuid &preset : presets)
    pools.push_back({preset, marks::look(marks::prebuilds(preset)), {}});
  return pools;
}

Need pools_in_need(const std::optional<std::vector<Pool>> &pools, core::Instant now,
                   std::optional<core::Instant> horizon) {
  Need need;
  const auto judge = [&](Pool pool, const std::optional<core::Demand> &demand,
                         const core::PoolCounts &counts) {
    if (core::counts_suffice(demand, counts, now)) pool.counts = counts;
    if (core::may_need_something(demand, counts, now)) need.pools.push_back(pool);
    if (horizon && pool.counts) {
      if (const auto expiry = core::next_expiry(*demand, counts); expiry && *expiry <= *horizon)
        need.expiring.push_back({pool.preset, core::later(*expiry, core::tick)});
    }
  };
  if (pools) {
    count_each(*pools, need.organizations, judge);
  } else {
    count_all(judge);
  }
  return need;
}

std::vector<Pool> pools_to_show() {
  std::vector<Pool> pools;
  count_all([&](const Pool &pool, const std::optional<core::Demand> &, const core::PoolCounts &) {
    pools.push_back(pool);
  });
  return pools;
}

std::vector<core::PresetSnapshot> load_presets(const std::vector<Pool> &pools, core::Instant now,
                                               Reader reader) {
  if (pools.empty()) return {};
  const auto ago = [&](int ms) { return core::earlier(now, std::chrono::milliseconds(ms)); };

  LoadedPresets loaded(load_configurations(presets_of(pools)));
  load_prebuilds(loaded, pools);
  fill_failure_bases(loaded.all());
  load_schedules(loaded.all(), now, reader);
  load_failures(loaded.all(), ago(pg::guc::reconciliation_backoff_lookback_ms));
  load_validation_problems(loaded.all());
  if (reader == Reader::people) load_queue_problems(loaded, ago(pg::guc::provisioner_stale_interval_ms));

  std::vector<core::PresetSnapshot> presets;
  presets.reserve(loaded.all().size());
  for (Loaded &each : loaded.all()) presets.push_back(std::move(each.preset));
  return presets;
}

}  // namespace prebuilds::reconciler
