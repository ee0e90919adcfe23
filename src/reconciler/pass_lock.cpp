#include "reconciler/pass_lock.hpp"

namespace prebuilds::reconciler {

LOCKTAG pass_lock_tag() {
  constexpr std::uint32_t ours = 0x70726562;  // "preb"
  constexpr std::uint16_t lock_class = 77;
  LOCKTAG tag;
  SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, ours, 0, lock_class);
  return tag;
}

bool try_pass_lock() {
  const LOCKTAG tag = pass_lock_tag();
  return pg::call([&] {
    return LockAcquire(&tag, ExclusiveLock, /* sessionLock = */ false, /* dontWait = */ true) != LOCKACQUIRE_NOT_AVAIL;
  });
}

}  // namespace prebuilds::reconciler
