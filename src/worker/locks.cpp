#include "worker/locks.hpp"

#include "reconciler/pass_lock.hpp"

namespace prebuilds::worker {

LOCKTAG worker_lock_tag() {
  LOCKTAG tag = reconciler::pass_lock_tag();
  tag.locktag_field3++;
  return tag;
}

bool try_worker_lock() {
  const LOCKTAG tag = worker_lock_tag();
  return pg::call([&] {
    return LockAcquire(&tag, ExclusiveLock, /* sessionLock = */ true, /* dontWait = */ true) !=
           LOCKACQUIRE_NOT_AVAIL;
  });
}

pid_t holder_of(const LOCKTAG &tag) {
  constexpr LOCKMASK modes = LOCKBIT_ON(ExclusiveLock) | LOCKBIT_ON(ShareUpdateExclusiveLock);
  const LockData *locks = pg::call([] { return GetLockStatusData(); });
  for (int i = 0; i < locks->nelements; i++) {
    const LockInstanceData &lock = locks->locks[i];
    if (std::memcmp(&lock.locktag, &tag, sizeof tag) == 0 && (lock.holdMask & modes) != 0) return lock.pid;
  }
  return 0;
}

}  // namespace prebuilds::worker
