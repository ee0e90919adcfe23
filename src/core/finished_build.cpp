#include "core/finished_build.hpp"

#include <algorithm>

namespace prebuilds::core {

std::vector<Observation> observe(const FinishedBuild &build, const std::function<bool()> &started_before) {
  const FinishedJob &job = build.job;
  const auto since = [&](Instant from) { return std::max(elapsed(from, job.ended_at), Duration::zero()); };
  const Duration at_work = since(job.started_at.value_or(job.queued_at));
  const bool first = build.build_number == 1;

  if (!build.start) return {};
  switch (job.outcome) {
    case Outcome::canceled: break;
    case Outcome::failed:
      if (build.system_initiated && first) return {{"coderd_prebuilt_workspaces_failed_total", "", {}}};
      break;
    case Outcome::succeeded:
      if (build.system_initiated) {
        if (first) return {{"coderd_workspace_creation_duration_seconds", "prebuild", at_work}};
        break;
      }
      if (job.claim)
        return {{"coderd_prebuilt_workspace_claim_duration_seconds", "", at_work},
                {"coderd_prebuilt_workspace_claim_wait_seconds", "", since(job.queued_at)}};
      std::vector<Observation> observations;
      if (first) observations.push_back({"coderd_workspace_creation_duration_seconds", "regular", at_work});
      if (!started_before()) observations.push_back({"coderd_workspace_creation_total", "", {}});
      return observations;
  }
  return {};
}

}  // namespace prebuilds::core
