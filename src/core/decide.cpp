#include "core/decide.hpp"

#include <algorithm>
#include <utility>

#include "core/expiry.hpp"

namespace prebuilds::core {

namespace {

std::string counted(std::size_t count, const std::string &noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string counted(int count, const std::string &noun) {
  return counted(static_cast<std::size_t>(count), noun);
}

std::string why_inactive(Activity activity) {
  switch (activity) {
    case Activity::active: break;
    case Activity::other_version: return "its version is not the active one";
    case Activity::template_deprecated: return "the template is deprecated";
    case Activity::template_deleted: return "the template is deleted";
  }
  return {};
}

bool is_invalidated(Instant created_at, const PresetSnapshot &preset) {
  return preset.last_invalidated_at && created_at < *preset.last_invalidated_at;
}

std::vector<Prebuild> oldest_first(std::vector<Prebuild> prebuilds) {
  std::sort(prebuilds.begin(), prebuilds.end(),
            [](const Prebuild &a, const Prebuild &b) { return a.older_than(b); });
  return prebuilds;
}

// The running prebuilds of a preset, split.
struct Running {
  std::vector<Prebuild> expired;
  std::vector<Prebuild> valid;
};

Running split_running(const PresetSnapshot &preset, Instant now) {
  Running running;
  for (const Prebuild &prebuild : preset.running)
    (is_expired(prebuild.created_at, preset, now) ? running.expired : running.valid).push_back(prebuild);
  return running;
}

State state_of(const PresetSnapshot &preset, const Running &running, const Desired &desired) {
  State state;
  state.actual = static_cast<int>(preset.running.size()) + preset.unlisted_running;
  state.expired = static_cast<int>(running.expired.size());
  state.starting = preset.starting;
  state.stopping = preset.stopping;
  state.deleting = preset.deleting;
  state.desired = desired.count;
  state.desired_source = desired.source;
  if (preset.active()) {
    state.eligible = static_cast<int>(
        std::count_if(running.valid.begin(), running.valid.end(), [](const Prebuild &p) { return p.ready; }));
    state.extraneous = std::max(state.actual - state.expired - state.desired, 0);
  }
  return state;
}

Desired desired_of(const PresetSnapshot &preset) {
  if (!preset.active()) return {.count = 0, .source = DesiredSource::inactive};
  return resolve_desired(preset.desired_instances, preset.schedules, preset.scheduling_timezone,
                         preset.civil_now);
}

// Prebuilds that are neither running nor on their way; below zero there are too many.
int missing(const State &state) { return state.desired - (state.actual - state.expired) - state.starting; }

// That no workspace can be built is found out by a create that is needed, and known until it is mended: a
// pool in balance is not looked at for it.
PrebuildStatus status_of(const PresetSnapshot &preset, const State &state, bool hard_limited) {
  const bool found_out = missing(state) > 0 || preset.prebuild_status == PrebuildStatus::validation_failed;
  if (preset.validation_problem && found_out) return PrebuildStatus::validation_failed;
  return hard_limited ? PrebuildStatus::hard_limited : PrebuildStatus::healthy;
}

std::string hard_limit_text(const Settings &settings) {
  return settings.failure_hard_limit == 1
             ? "the newest build failed"
             : "the newest " + std::to_string(settings.failure_hard_limit) + " builds all failed";
}

// "1 created before the invalidation of 2025-06-02 09:00:00+00, 2 older than the TTL of 3600 s"
std::string why_expired(const PresetSnapshot &preset, const std::vector<Prebuild> &expired) {
  const auto invalidated =
      static_cast<std::size_t>(std::count_if(expired.begin(), expired.end(), [&](const Prebuild &prebuild) {
        return is_invalidated(prebuild.created_at, preset);
      }));
  std::string reason;
  if (invalidated > 0) {
    reason = std::to_string(invalidated) + " created before the invalidation of " +
             to_text(*preset.last_invalidated_at);
  }
  if (const std::size_t aged = expired.size() - invalidated; aged > 0) {
    if (!reason.empty()) reason += ", ";
    reason += std::to_string(aged) + " older than the TTL of " + to_text(*preset.ttl);
  }
  return reason;
}

Action action_on(std::vector<Prebuild> prebuilds, ActionKind kind, Cause cause, std::string reason) {
  const auto count = static_cast<int>(prebuilds.size());
  return {.kind = kind,
          .cause = cause,
          .count = count,
          .prebuilds = std::move(prebuilds),
          .reason = std::move(reason)};
}

// The create of what is missing, or what holds it back: the strongest cause only.
Action create_action(const PresetSnapshot &preset, const State &state, const Backoff &backoff,
                     bool hard_limited, const Settings &settings) {
  const std::string withheld = counted(missing(state), "create") + " withheld: ";
  if (preset.validation_problem) {
    return {.kind = ActionKind::withhold,
            .cause = Cause::validation_failed,
            .reason = withheld + *preset.validation_problem};
  }
  if (hard_limited) {
    return {.kind = ActionKind::withhold,
            .cause = Cause::hard_limited,
            .reason = withheld + hard_limit_text(settings)};
  }
  if (backoff.until) {
    return {.kind = ActionKind::backoff,
            .retry_at = backoff.until,
            .reason = withheld + counted(backoff.num_failed, "recent failure") + ", the last at " +
                      to_text(*backoff.last_failed)};
  }
  return {.kind = ActionKind::create,
          .count = missing(state),
          .reason = std::to_string(state.desired) + " desired, " +
                    std::to_string(state.actual - state.expired) + " running and not expired, " +
                    std::to_string(state.starting) + " starting"};
}

std::vector<Action> active_actions(const PresetSnapshot &preset, const State &state, Running running,
                                   const Backoff &backoff, bool hard_limited, const Settings &settings) {
  std::vector<Action> actions;
  const int valid = state.actual - state.expired;

  if (!running.expired.empty()) {
    std::string reason = why_expired(preset, running.expired);
    actions.push_back(action_on(oldest_first(std::move(running.expired)), ActionKind::delete_prebuilds,
                                Cause::expired, std::move(reason)));
  }
  if (state.extraneous > 0) {
    std::vector<Prebuild> oldest = oldest_first(std::move(running.valid));
    oldest.resize(static_cast<std::size_t>(state.extraneous));
    actions.push_back(action_on(
        std::move(oldest), ActionKind::delete_prebuilds, Cause::extraneous,
        std::to_string(state.desired) + " desired, " + std::to_string(valid) + " running and not expired"));
  }
  if (missing(state) > 0) actions.push_back(create_action(preset, state, backoff, hard_limited, settings));
  return actions;
}

std::vector<Action> inactive_actions(const PresetSnapshot &preset) {
  std::vector<Action> actions;
  if (!preset.pending_inactive.empty()) {
    actions.push_back(action_on(oldest_first(preset.pending_inactive), ActionKind::cancel_pending,
                                Cause::inactive, why_inactive(preset.activity)));
  }
  if (!preset.running.empty()) {
    actions.push_back(action_on(oldest_first(preset.running), ActionKind::delete_prebuilds, Cause::inactive,
                                why_inactive(preset.activity)));
  }
  return actions;
}

// Everything a person should know who asks why the pool is as it is, strongest first.
std::string problem_of(const PresetSnapshot &preset, const Desired &desired, const Backoff &backoff,
                       bool hard_limited, const Settings &settings, Instant now) {
  std::string problem;
  const auto tell = [&](const std::string &text) { problem += (problem.empty() ? "" : "; ") + text; };

  if (preset.active()) {
    if (preset.validation_problem) tell("no workspace can be built: " + *preset.validation_problem);
    if (hard_limited) {
      tell("hard limited: " + hard_limit_text(settings) +
           "; delete the failed prebuilds or call prebuilds_reset_preset()");
    }
    if (backoff.until) {
      tell("backoff until " + to_text(*backoff.until) + " after " +
           counted(backoff.num_failed, "recent failure"));
    }
    if (!desired.problem.empty()) tell(desired.problem);
    if (preset.oldest_starting && is_expired(*preset.oldest_starting, preset, now)) {
      tell("expired while still starting, to be replaced when it runs: a prebuild " +
           (is_invalidated(*preset.oldest_starting, preset)
                ? "created before the invalidation of " + to_text(*preset.last_invalidated_at)
                : "older than the TTL of " + to_text(*preset.ttl)));
    }
  }
  if (preset.queue_problem) tell(*preset.queue_problem);
  if (preset.last_error) tell("last error: " + *preset.last_error);
  return problem;
}

}  // namespace

bool is_expired(Instant created_at, const PresetSnapshot &preset, Instant now) {
  return created_at < oldest_unexpired(preset.ttl, preset.last_invalidated_at, now);
}

bool is_hard_limited(const PresetSnapshot &preset, const Settings &settings) {
  if (settings.failure_hard_limit <= 0) return false;
  const auto limit = static_cast<std::size_t>(settings.failure_hard_limit);
  const auto &base = preset.failure_base;
  return base.size() >= limit && std::all_of(base.begin(), base.begin() + settings.failure_hard_limit,
                                             [](const BuildOutcome &build) { return build.failed; });
}

Backoff backoff_of(const PresetSnapshot &preset, int desired, const Settings &settings, Instant now) {
  const Instant since = earlier(now, settings.backoff_lookback);
  const auto newest = static_cast<std::size_t>(std::max(desired, 1));
  Backoff backoff;
  bool failing = false;

  const auto saw_failure_at = [&](Instant at) {
    backoff.last_failed = backoff.last_failed ? std::max(*backoff.last_failed, at) : at;
  };
  for (std::size_t i = 0; i < preset.failure_base.size(); ++i) {
    const BuildOutcome &build = preset.failure_base[i];
    if (!build.failed) continue;
    const bool recent = build.created_at >= since;
    if (recent) ++backoff.num_failed;
    if (i < newest) {
      failing = failing || recent;
      saw_failure_at(build.completed_at.value_or(build.created_at));
    }
  }
  for (const Instant at : preset.create_errors) {
    if (at >= since) {
      failing = true;
      ++backoff.num_failed;
    }
    saw_failure_at(at);
  }
  if (!failing) return {};

  const Instant until = later(*backoff.last_failed, times(settings.backoff_interval, backoff.num_failed));
  if (now <= until) backoff.until = until;
  return backoff;
}

Decision decide(const PresetSnapshot &preset, const Settings &settings, Instant now) {
  const Desired desired = desired_of(preset);
  Running running = split_running(preset, now);
  Decision decision;
  decision.state = state_of(preset, running, desired);

  if (!preset.active()) {
    decision.actions = inactive_actions(preset);
    decision.problem = problem_of(preset, desired, {}, false, settings, now);
    decision.can_skip = decision.actions.empty();
    return decision;
  }

  const bool hard_limited = is_hard_limited(preset, settings);
  decision.backoff = backoff_of(preset, desired.count, settings, now);
  if (const PrebuildStatus status = status_of(preset, decision.state, hard_limited);
      status != preset.prebuild_status)
    decision.new_status = status;
  decision.actions =
      active_actions(preset, decision.state, std::move(running), decision.backoff, hard_limited, settings);
  decision.problem = problem_of(preset, desired, decision.backoff, hard_limited, settings, now);
  decision.can_skip = decision.actions.empty() && !decision.new_status;
  return decision;
}

void cap_creates(std::span<PresetPlan> plans, int max_creates) {
  std::vector<PresetPlan *> creating;
  for (PresetPlan &plan : plans) {
    // A create is always the last action of its preset.
    if (!plan.decision.actions.empty() && plan.decision.actions.back().kind == ActionKind::create)
      creating.push_back(&plan);
  }
  std::sort(creating.begin(), creating.end(), [](const PresetPlan *a, const PresetPlan *b) {
    return std::tie(a->preset->created_at, a->preset->id) < std::tie(b->preset->created_at, b->preset->id);
  });

  int left = std::max(max_creates, 0);
  for (PresetPlan *plan : creating) {
    std::vector<Action> &actions = plan->decision.actions;
    const int wanted = actions.back().count;
    const int granted = std::min(wanted, left);
    left -= granted;
    if (granted == wanted) continue;

    if (granted == 0) {
      actions.pop_back();
    } else {
      actions.back().count = granted;
    }
    std::string reason = counted(wanted - granted, "create") +
                         " left to the next pass: a pass creates at most " + std::to_string(max_creates);
    std::string &problem = plan->decision.problem;
    problem += (problem.empty() ? "" : "; ") + reason;
    actions.push_back({.kind = ActionKind::withhold, .cause = Cause::cap, .reason = std::move(reason)});
  }
}

std::vector<PresetPlan> plan(std::span<const PresetSnapshot> presets, const Settings &settings, Instant now,
                             Interrupt interrupt) {
  std::vector<PresetPlan> plans;
  plans.reserve(presets.size());
  for (const PresetSnapshot &preset : presets) {
    interrupt();
    plans.push_back({&preset, decide(preset, settings, now)});
  }
  cap_creates(plans, settings.max_creates_per_pass);
  return plans;
}

}  // namespace prebuilds::core
