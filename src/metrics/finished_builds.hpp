// What builds tell the metrics when they end, whoever ends them. A job that is stored when it has ended
// already is history, loaded with its own totals.
#pragma once

#include "core/finished_build.hpp"
#include "pg/datum.hpp"

namespace prebuilds::metrics {

// A row of prebuilds.workspace_builds whose job has ended.
struct StoredBuild {
  core::FinishedBuild build;
  core::Uuid workspace_id;
  core::Uuid template_version_id;
  std::optional<core::Uuid> preset_id;
  bool open = false;  // its flag, which has yet to follow
};

// How a value of provisioner_job_status ends a job; none if it does not. Only inside of call().
std::optional<core::Outcome> outcome_of(Datum job_status);

// A job from its row, which is final. Only inside of call().
core::FinishedJob read_job(TupleTableSlot *row, core::Outcome outcome);

// The builds of jobs that this transaction has ended, on the latest snapshot; most jobs have one.
std::vector<StoredBuild> builds_of(std::span<const core::FinishedJob> jobs);

// Adds what they tell to prebuilds.metric_observations.
void observe(std::span<const StoredBuild> builds);

}  // namespace prebuilds::metrics
