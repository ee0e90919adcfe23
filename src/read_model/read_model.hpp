// The read model: prebuilds.live_prebuilds, one row per live prebuild with all that the pass, the claim and
// the status need to know of it. It is derived from its definition (a view) in the transaction of its
// sources.
#pragma once

#include <map>

#include "pg/datum.hpp"

namespace prebuilds::read_model {

// The parts of a row, by the sources that they are read from.
struct Parts {
  bool workspace = false;  // and its builds, which say whether there is a row and of which job
  bool job = false;
  bool agents = false;

  Parts &operator|=(Parts other) {
    workspace |= other.workspace;
    job |= other.job;
    agents |= other.agents;
    return *this;
  }
};
inline constexpr Parts whole_row{.workspace = true, .job = true, .agents = true};

// What may have changed of which workspaces. Their ids ascend, so that two sessions lock in the same order.
using Altered = std::map<core::Uuid, Parts>;

// Makes the rows of these workspaces equal to their definition. First locks the rows that exist, then reads
// on a new snapshot, so that of two sessions that change one prebuild the later one sees what the earlier one
// did. That is why the parts that have not changed need not be read: whoever changes them meanwhile waits for
// the lock and derives them after us, and who did before us has left them in the row that we have locked.
// Where there is no row to lock, all of it is read.
void derive(Altered altered);

// Removes the rows of workspaces that the prebuilds user does not own any more, as a claim does: nothing to
// derive. Ids ascend.
void remove(const std::vector<core::Uuid> &workspaces);

// Derives every row that differs from its definition; how many did. In step with the triggers there are none.
int rebuild();

// For a row trigger on provisioner_jobs: if the job is pending, announces it at the end of the statement, and
// says that it is in its queue.
void note_if_pending(TriggerData *trigger, TupleTableSlot *row);

// Everything that triggers derive, read model, open flags and queues, if they have been off since the last
// time.
void repair_after_triggers_were_off();

// Compares up to `rows` prebuilds with their definition, others in each call, and derives what differs:
// nothing should, but a derived table that nobody looks at is wrong one day.
void verify_some(int rows);

}  // namespace prebuilds::read_model
