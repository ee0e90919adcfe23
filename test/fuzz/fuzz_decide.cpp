// Decisions: whatever rows a preset has, the actions on it keep the rules of a pool.
#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "core/decide.hpp"
#include "fuzz/bytes.hpp"
#include "unit/counts.hpp"

namespace prebuilds::core {
namespace {

// Mostly close to each other, sometimes at the ends of time.
Instant instant_from(Bytes &bytes) {
  switch (bytes.below(16)) {
    case 0: return Instant::min();
    case 1: return Instant::max();
    case 2: return Instant{Duration{bytes.int64()}};
    default: return Instant{std::chrono::seconds{1'750'000'000 + bytes.below(20)}};
  }
}

Duration duration_from(Bytes &bytes) {
  return bytes.below(16) == 0 ? Duration{bytes.int64()} : Duration{std::chrono::seconds{bytes.below(20)}};
}

std::vector<Prebuild> prebuilds_from(Bytes &bytes, std::uint8_t kind) {
  std::vector<Prebuild> prebuilds(static_cast<std::size_t>(bytes.below(8)));
  for (std::size_t i = 0; i < prebuilds.size(); ++i) {
    prebuilds[i].id.bytes[0] = bytes.byte();
    prebuilds[i].id.bytes[14] = kind;
    prebuilds[i].id.bytes[15] = static_cast<std::uint8_t>(i);
    prebuilds[i].created_at = instant_from(bytes);
    prebuilds[i].build_number = 1 + bytes.below(3);
    prebuilds[i].ready = bytes.flag();
  }
  return prebuilds;
}

PresetSnapshot preset_from(Bytes &bytes) {
  constexpr std::array expressions{"* 9-18 * * 1-5", "* 0-8 * * *", "* 12 * * *", "* 25 * * *", ""};
  PresetSnapshot preset;
  preset.id.bytes[0] = bytes.byte();
  preset.created_at = instant_from(bytes);
  preset.activity = static_cast<Activity>(bytes.below(4));
  preset.prebuild_status = static_cast<PrebuildStatus>(bytes.below(3));
  preset.desired_instances = bytes.below(8);
  for (int count = bytes.below(3); count > 0; --count) {
    preset.schedules.push_back({.id = {},
                                .cron_expression = expressions.at(static_cast<unsigned>(bytes.below(5))),
                                .desired_instances = bytes.below(8)});
  }
  if (bytes.flag()) preset.civil_now = CivilTime{.hour = bytes.below(24), .weekday = bytes.below(7)};
  if (bytes.flag()) preset.ttl = duration_from(bytes);
  if (bytes.flag()) preset.last_invalidated_at = instant_from(bytes);
  preset.running = prebuilds_from(bytes, 1);
  preset.pending_inactive = prebuilds_from(bytes, 2);
  preset.starting = bytes.below(4);
  preset.stopping = bytes.below(4);
  preset.deleting = bytes.below(4);
  if (bytes.flag()) preset.oldest_starting = instant_from(bytes);
  preset.failed = bytes.below(4);
  preset.parked = bytes.below(4);
  preset.failure_base.resize(static_cast<std::size_t>(bytes.below(6)));
  for (BuildOutcome &build : preset.failure_base) {
    build.failed = bytes.flag();
    build.created_at = instant_from(bytes);
    if (bytes.flag()) build.completed_at = instant_from(bytes);
  }
  preset.create_errors.resize(static_cast<std::size_t>(bytes.below(3)));
  for (Instant &error : preset.create_errors) error = instant_from(bytes);
  if (bytes.below(8) == 0) preset.validation_problem = "cannot be built";
  return preset;
}

Settings settings_from(Bytes &bytes) {
  return {.backoff_interval = duration_from(bytes),
          .backoff_lookback = duration_from(bytes),
          .failure_hard_limit = bytes.below(4),
          .max_creates_per_pass = bytes.below(16)};
}

bool is_withheld(const Action &action) {
  return action.kind == ActionKind::backoff || action.kind == ActionKind::withhold;
}

void check_rows(const PresetSnapshot &preset, const Decision &decision) {
  std::set<Uuid> acted_on;
  for (const Action &action : decision.actions) {
    PROMISE(!action.reason.empty());
    PROMISE(std::is_sorted(action.prebuilds.begin(), action.prebuilds.end(),
                           [](const Prebuild &a, const Prebuild &b) { return a.older_than(b); }));
    for (const Prebuild &prebuild : action.prebuilds) PROMISE(acted_on.insert(prebuild.id).second);

    if (is_withheld(action)) PROMISE(action.count == 0);
    if (is_withheld(action) || action.kind == ActionKind::create) {
      PROMISE(preset.active());
      PROMISE(action.prebuilds.empty());
    } else {
      PROMISE(action.count > 0 && action.prebuilds.size() == static_cast<std::size_t>(action.count));
    }
    PROMISE(action.retry_at.has_value() == (action.kind == ActionKind::backoff));
  }
}

void check_balance(const PresetSnapshot &preset, const Decision &decision) {
  const State &state = decision.state;
  int created = 0;
  int deleted = 0;
  for (const Action &action : decision.actions) {
    if (action.kind == ActionKind::create) created += action.count;
    if (action.kind == ActionKind::delete_prebuilds) deleted += action.count;
  }
  const int valid = state.actual - state.expired;
  if (preset.active()) {
    PROMISE(deleted == state.expired + state.extraneous);
    PROMISE(created == 0 || valid + state.starting + created <= state.desired);
    PROMISE(valid - state.extraneous <= std::max(state.desired, 0));
    PROMISE(state.eligible <= valid);
  } else {
    PROMISE(created == 0 && deleted == state.actual);
    PROMISE(state.desired == 0 && state.eligible == 0 && state.extraneous == 0);
    PROMISE(!decision.new_status);
  }
  PROMISE(decision.can_skip == (decision.actions.empty() && !decision.new_status));
}

void check_same(const Decision &decision, const Decision &again) {
  PROMISE(again.new_status == decision.new_status);
  PROMISE(again.actions.size() == decision.actions.size());
  for (std::size_t i = 0; i < again.actions.size(); ++i) {
    const Action &a = again.actions[i];
    const Action &b = decision.actions[i];
    PROMISE(a.kind == b.kind && a.cause == b.cause && a.count == b.count && a.reason == b.reason);
    PROMISE(std::equal(a.prebuilds.begin(), a.prebuilds.end(), b.prebuilds.begin(), b.prebuilds.end(),
                       [](const Prebuild &x, const Prebuild &y) { return x.id == y.id; }));
  }
}

// The same facts in another order, and facts that do not matter.
void check_indifference(PresetSnapshot preset, const Decision &decision, const Settings &settings,
                        Instant now) {
  std::reverse(preset.running.begin(), preset.running.end());
  std::reverse(preset.pending_inactive.begin(), preset.pending_inactive.end());
  std::reverse(preset.create_errors.begin(), preset.create_errors.end());
  preset.stopping += 1;
  preset.deleting += 1;
  preset.failed += 1;
  preset.parked += 1;
  const Decision again = decide(preset, settings, now);
  PROMISE(again.problem == decision.problem);
  check_same(decision, again);
}

// What a pass goes by that does not read the prebuilds.
void check_counts(const PresetSnapshot &preset, const Decision &decision, const Settings &settings,
                  Instant now) {
  const auto demand = demand_of(preset);
  const PoolCounts counts = counts_of(preset);
  if (!may_need_something(demand, counts, now)) PROMISE(decision.can_skip);
  if (counts_suffice(demand, counts, now)) check_same(decision, decide(unlisted(preset), settings, now));
}

}  // namespace
}  // namespace prebuilds::core

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  using namespace prebuilds::core;
  Bytes bytes({data, size});
  const Settings settings = settings_from(bytes);
  const Instant now = instant_from(bytes);
  const std::vector<PresetSnapshot> presets{preset_from(bytes), preset_from(bytes)};

  for (const PresetSnapshot &preset : presets) {
    const Decision decision = decide(preset, settings, now);
    check_rows(preset, decision);
    check_balance(preset, decision);
    check_indifference(preset, decision, settings, now);
    check_counts(preset, decision, settings, now);
  }

  int creates = 0;
  for (const PresetPlan &planned : plan(presets, settings, now, [] {})) {
    check_rows(*planned.preset, planned.decision);
    for (const Action &action : planned.decision.actions)
      creates += action.kind == ActionKind::create ? action.count : 0;
  }
  PROMISE(creates <= settings.max_creates_per_pass);
  return 0;
}
