// What a provisioner reports that a job has made.
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::queue {

struct Resources {
  // Rows of workspace_resources and workspace_agents with new ids; what the report does not say is NULL.
  std::vector<pg::Record> resources;
  std::vector<pg::Record> agents;
  std::vector<core::Uuid> agent_ids;  // in the order of the report
  int daily_cost = 0;                 // of all resources
};

// From the list that prebuilds_complete_job() takes, as jsonb. Error 22023 if it is anything else; it names
// the place, as prebuilds.refuse_input() does for the other arguments of the API.
Resources read_resources(Datum report, core::Instant now);

}  // namespace prebuilds::queue
