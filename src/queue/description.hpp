// What a provisioner is told of a job besides its own rows.
#pragma once

#include "queue/oldest_job.hpp"

namespace prebuilds::queue {

// In palloc'd memory. Nothing that belongs to a build where there is none, but parameters.
struct Description {
  std::optional<pg::AsIs> organization_name, owner_name, template_name, version_name;
  std::optional<pg::AsIs> definition;  // jsonb, what the version is made of
  pg::AsIs parameters;                 // jsonb, the build's, {"name": "value"}
};

// By look-ups by key, which as statements take twice as long.
Description describe(const PendingJob &job);

}  // namespace prebuilds::queue
