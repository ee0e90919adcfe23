// The settings of our background processes.
#pragma once

namespace prebuilds::worker {

// What ALTER DATABASE and postgresql.conf may set for sessions must not change or stop what a background
// process does. Right after it has connected.
void override_session_settings(const char *application_name);

}  // namespace prebuilds::worker
