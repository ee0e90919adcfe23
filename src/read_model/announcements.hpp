// Tells provisioners of pending jobs: NOTIFY provisioner_job_posted, which they hear when the transaction
// commits.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::read_model {

// Of jobs in these queues: once for each organization, provisioner and tags, whatever the number of jobs.
void announce(std::span<const std::int64_t> queue_keys);

// Of all that are pending. Needs an SpiSession.
void announce_all();

}  // namespace prebuilds::read_model
