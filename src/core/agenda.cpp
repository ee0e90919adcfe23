#include "core/agenda.hpp"

#include <algorithm>

namespace prebuilds::core {

void Agenda::expect(const Uuid &preset, Instant at) {
  const auto [entry, is_new] = when_.try_emplace(preset, at);
  if (!is_new) {
    if (entry->second <= at) return;
    order_.erase({entry->second, preset});
    entry->second = at;
  }
  order_.insert({at, preset});
}

void Agenda::settle(std::span<const Uuid> presets) {
  for (const Uuid &preset : presets) {
    const auto entry = when_.find(preset);
    if (entry == when_.end()) continue;
    order_.erase({entry->second, preset});
    when_.erase(entry);
  }
}

void Agenda::clear() {
  when_.clear();
  order_.clear();
}

std::optional<Instant> Agenda::next() const {
  if (order_.empty()) return std::nullopt;
  return order_.begin()->first;
}

std::vector<Uuid> Agenda::due(Instant now) const {
  std::vector<Uuid> presets;
  for (const auto &[at, preset] : order_) {
    if (at > now) break;
    presets.push_back(preset);
  }
  std::sort(presets.begin(), presets.end());
  return presets;
}

}  // namespace prebuilds::core
