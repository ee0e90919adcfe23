// What a build that has ended tells the metrics.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "core/time.hpp"
#include "core/uuid.hpp"

namespace prebuilds::core {

// How a job ended.
enum class Outcome { succeeded, canceled, failed };

// The job of a build, as it ended.
struct FinishedJob {
  Uuid id{};
  Outcome outcome = Outcome::succeeded;
  bool claim = false;                 // it says that it builds what somebody claimed
  Instant queued_at;                  // what began at an infinite instant is not timed
  std::optional<Instant> started_at;  // none: it ended in the queue
  Instant ended_at;                   // finite
};

struct FinishedBuild {
  FinishedJob job;
  bool start = true;              // else a stop or a delete
  bool system_initiated = false;  // by the prebuilds user
  int build_number = 1;
};

struct Observation {
  std::string_view metric;           // one of the view prebuilds.metric_families
  std::string_view variant;          // value of the label that only this metric has; may be empty
  std::optional<Duration> duration;  // what a histogram observes, not negative; a counter counts 1

  bool operator==(const Observation &) const = default;
};

// `started_before`: has an earlier start of the workspace succeeded? Asked only where it matters.
std::vector<Observation> observe(const FinishedBuild &build, const std::function<bool()> &started_before);

}  // namespace prebuilds::core
