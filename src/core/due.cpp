#include "core/due.hpp"

#include <algorithm>

namespace prebuilds::core {

std::optional<Instant> next_due(const PresetSnapshot &preset, const Decision &decision, Instant now) {
  std::optional<Instant> due;
  const auto expect = [&](Instant at) {
    if (at > now) due = due ? std::min(*due, at) : at;
  };
  if (!preset.active()) return due;

  if (preset.ttl && *preset.ttl > Duration::zero()) {
    for (const Prebuild &prebuild : preset.running)
      expect(later(later(prebuild.created_at, *preset.ttl), tick));
  }
  for (const Action &action : decision.actions) {
    if (action.kind == ActionKind::backoff) expect(later(*action.retry_at, tick));
  }
  if (preset.next_hour) {
    const Desired then = resolve_desired(preset.desired_instances, preset.schedules,
                                         preset.scheduling_timezone, preset.next_hour->civil);
    if (then.count != decision.state.desired) expect(preset.next_hour->begins);
  }
  return due;
}

}  // namespace prebuilds::core
