#include "core/finished_build.hpp"

#include <algorithm>

namespace prebuilds::core {

std::vector<Observation> observe(const FinishedBuild &build, const std::function<bool()> &started_before) {
  if (!build.start) return {};
  const FinishedJob &job = build.job;
  const bool first = build.build_number == 1;
  const Instant began = job.started_at.value_or(job.queued_at);
  std::vector<Observation> observations;
  const auto count = [&](std::string_view metric) { observations.push_back({metric, "", {}}); };
  const auto time = [&](std::string_view metric, std::string_view variant, Instant from) {
    if (is_finite(from))
      observations.push_back({metric, variant, std::max(elapsed(from, job.ended_at), Duration::zero())});
  };

  switch (job.outcome) {
    case Outcome::canceled: break;
    case Outcome::failed:
      if (build.system_initiated && first) count("coderd_prebuilt_workspaces_failed_total");
      break;
    case Outcome::succeeded:
      if (build.system_initiated) {
        if (first) time("coderd_workspace_creation_duration_seconds", "prebuild", began);
      } else if (job.claim) {
        time("coderd_prebuilt_workspace_claim_duration_seconds", "", began);
        time("coderd_prebuilt_workspace_claim_wait_seconds", "", job.queued_at);
      } else {
        if (first) time("coderd_workspace_creation_duration_seconds", "regular", began);
        if (!started_before()) count("coderd_workspace_creation_total");
      }
  }
  return observations;
}

}  // namespace prebuilds::core
