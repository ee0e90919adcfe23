// Where pools and job queues begin: low-water marks in memory that all backends share, when the library is
// preloaded. Without it every list is read from its beginning, which is as right, and slow only while old
// snapshots keep many dead rows.
//
// A mark is a hint about rows that triggers report. What they did not see (triggers that were off, or a
// two-phase commit of a subscription) stays hidden until a sweep finds it, which looks for entries before the
// marks of its database: all of them, unless an old snapshot makes that slow.
#pragma once

#include "core/low_water_mark.hpp"
#include "pg/boundary.hpp"

namespace prebuilds::marks {

// A list that is worked off oldest first.
struct List {
  enum class Kind : std::int64_t {
    pool,             // the claimable prebuilds of a preset
    people_queue,     // the pending jobs of a queue, without those of the prebuilds user
    prebuilds_queue,  // those of the prebuilds user
    prebuilds,        // the live prebuilds of a preset
  };
  Kind kind;
  core::Uuid key;

  bool operator==(const List &) const = default;
};

// A place in a list.
struct Mark {
  List list;
  core::Place place;
};

List pool(const core::Uuid &preset);
List prebuilds(const core::Uuid &preset);
List queue(std::int64_t queue_key, bool of_prebuilds_user);

// For worker/shmem.cpp, in the hooks that it is for.
std::size_t memory_size();
void attach_memory(LWLock *lock);

// What a reader needs to know before it takes its snapshot.
struct Look {
  core::Place from = core::before_all;  // after_all: the list is empty
  core::LowWaterMark::Ticket ticket;
};
Look look(const List &list);

// What the reader then found: the first entry from there, or after_all. It counts when the transaction
// commits.
void found(const List &list, const Look &look, const core::Place &first);

// The transaction makes this entry part of the list, when it commits.
void added(const List &list, const core::Place &entry);
// The same, of any lists.
void added_anything();

// For a transaction that has just committed, before it wakes anybody who would look for what it added. Who
// wakes nobody need not care: every commit ends with it.
void publish_noted();

// Whether there are marks at all.
bool in_use();
// The marks of this database that somebody has used since the last call; the others are forgotten.
std::vector<Mark> take_used();
// At once: lists have entries at these places.
void lower(std::span<const Mark> to);

// The first entry of a list from a place on, under the active snapshot.
std::optional<core::Place> first_entry(const List &list, const core::Place &from);

// For a sweep: lowers each mark that an entry lies before, which nobody has reported. As many as there is time
// for, each time from another one on.
void check_some();

}  // namespace prebuilds::marks
