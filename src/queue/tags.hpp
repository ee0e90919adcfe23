// Which daemons may take which jobs: sets of tags in the form that prebuilds.normalized_tags() gives them.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::queue {

// A tag set as it is matched, whatever somebody has stored. The usual one is known here as well, as it takes
// longer to ask.
Datum normalized(Datum tags);

// Whether a daemon or a job has no tags of its own. Only inside of call().
bool are_usual(Datum tags);

// Whether a daemon with these tags may take a job with those: all of the job's are among the daemon's, and a
// job without tags of its own is for daemons without tags of their own. Only inside of call().
bool serve(Datum daemon_tags, Datum job_tags);

}  // namespace prebuilds::queue
