// What to do about a preset: snapshot in, state and actions out. Pure: no clock, no I/O, no randomness.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/preset.hpp"

namespace prebuilds::core {

struct Settings {
  Duration backoff_interval = std::chrono::minutes{1};
  Duration backoff_lookback = std::chrono::hours{1};
  int failure_hard_limit = 3;  // 0: never hard limited
  int max_creates_per_pass = 20000;
};

// Counts. An inactive preset desires nothing, and nothing of it is eligible or extraneous.
struct State {
  int actual = 0;   // running, expired ones included
  int expired = 0;  // older than the TTL or than the last invalidation
  int desired = 0;
  int eligible = 0;    // claimable: not expired, ready, preset active
  int extraneous = 0;  // more than desired, expired ones left out
  int starting = 0;
  int stopping = 0;
  int deleting = 0;
  DesiredSource desired_source = DesiredSource::static_count;

  bool operator==(const State &) const = default;
};

// Recent failures of a preset and how long they hold back its creates.
struct Backoff {
  int num_failed = 0;
  std::optional<Instant> last_failed;
  std::optional<Instant> until;  // creates wait up to and including this instant; none: they do not wait
};

enum class ActionKind { cancel_pending, delete_prebuilds, create, backoff, withhold };
enum class Cause { none, expired, extraneous, inactive, hard_limited, validation_failed, cap };

// One row of the plan. `count` is what the pass writes: zero for backoff and withhold, whose reason
// says how many creates are held back.
struct Action {
  ActionKind kind = ActionKind::create;
  Cause cause = Cause::none;
  int count = 0;
  std::vector<Prebuild> prebuilds{};  // to cancel or delete, oldest first; empty for the rest
  std::optional<Instant> retry_at{};  // of a backoff: when it ends
  std::string reason{};
};

struct Decision {
  State state;
  Backoff backoff;
  std::optional<PrebuildStatus> new_status;  // to be stored; none: the stored one is right
  std::vector<Action> actions;               // in the order in which they are to be applied
  std::string problem;                       // why the pool is not as desired; empty if there is no reason
  bool can_skip = false;                     // nothing to do and nothing to store

  // Somebody is to be told.
  bool newly_hard_limited() const { return new_status == PrebuildStatus::hard_limited; }
};

bool is_expired(Instant created_at, const PresetSnapshot &preset, Instant now);

// The newest `failure_hard_limit` builds of the failure base all failed, and there are that many.
bool is_hard_limited(const PresetSnapshot &preset, const Settings &settings);

// `desired` is the resolved count: a failure counts if it is among the newest max(desired, 1) builds.
Backoff backoff_of(const PresetSnapshot &preset, int desired, const Settings &settings, Instant now);

// Everything about one preset.
Decision decide(const PresetSnapshot &preset, const Settings &settings, Instant now);

// A preset with the decision on it; the snapshot must outlive it.
struct PresetPlan {
  const PresetSnapshot *preset = nullptr;
  Decision decision;
};

// Limits the creates of all plans together, oldest preset first. What is cut off becomes a withhold
// action right after the create, or in its place.
void cap_creates(std::span<PresetPlan> plans, int max_creates);

// Called now and then by long loops; may throw to leave them.
using Interrupt = void (*)();

// The decisions on all presets, in the order given, with creates capped by max_creates_per_pass.
std::vector<PresetPlan> plan(std::span<const PresetSnapshot> presets, const Settings &settings, Instant now,
                             Interrupt interrupt);

}  // namespace prebuilds::core
