#include "reconciler/pass_lock.hpp"

namespace prebuilds::reconciler {

namespace {

// A pass begins with the first, which goes with none of the three; the other two go together.
constexpr LOCKMODE alone = ExclusiveLock;
constexpr LOCKMODE shared = ShareUpdateExclusiveLock;
constexpr LOCKMODE joined = RowShareLock;

bool try_lock(LOCKMODE mode) {
  const LOCKTAG tag = pass_lock_tag();
  return pg::call([&] {
    return LockAcquire(&tag, mode, /* sessionLock = */ false, /* dontWait = */ true) != LOCKACQUIRE_NOT_AVAIL;
  });
}

}  // namespace

LOCKTAG pass_lock_tag() {
  constexpr std::uint32_t ours = 0x70726562;  // "preb"
  constexpr std::uint16_t lock_class = 77;
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, ours, 0, lock_class);
  return tag;
}

bool try_pass_lock() { return try_lock(alone); }

void share_pass_lock() {
  try_lock(shared);  // succeeds: nobody else has it
  const LOCKTAG tag = pass_lock_tag();
  pg::call([&] { LockRelease(&tag, alone, /* sessionLock = */ false); });
}

bool join_pass_lock() { return try_lock(joined); }

}  // namespace prebuilds::reconciler
