// Which presets to look at again although nothing happens to them, and when.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "core/time.hpp"
#include "core/uuid.hpp"

namespace prebuilds::core {

class Agenda {
 public:
  // The preset is due at `at`, or earlier if that was expected before.
  void expect(const Uuid &preset, Instant at);
  // Somebody has looked at these presets: nothing is expected of them any more.
  void settle(std::span<const Uuid> presets);
  void clear();

  // When the next preset is due.
  std::optional<Instant> next() const;
  // The presets that are due by `now`, in order of their ids. They stay so until they are settled.
  std::vector<Uuid> due(Instant now) const;

 private:
  std::map<Uuid, Instant> when_;
  std::set<std::pair<Instant, Uuid>> order_;  // the same
};

}  // namespace prebuilds::core
