#include "worker/shmem.hpp"

#include "marks/marks.hpp"

namespace prebuilds::worker {

constinit Shared *detail::shared = nullptr;
constinit LWLock *detail::lock = nullptr;

namespace {

constexpr const char *name = "pg_prebuilds";

constinit shmem_request_hook_type previous_request_hook = nullptr;
constinit shmem_startup_hook_type previous_startup_hook = nullptr;

void request() noexcept {
  pg::entry([] {
    pg::call([] {
      if (previous_request_hook != nullptr) previous_request_hook();
      RequestAddinShmemSpace(MAXALIGN(sizeof(Shared)));
      RequestNamedLWLockTranche(name, 2);
    });
    const std::size_t size = marks::memory_size();
    pg::call([&] { RequestAddinShmemSpace(size); });
    return Datum{0};
  });
}

void initialize() noexcept {
  pg::entry([] {
    pg::call([] {
      if (previous_startup_hook != nullptr) previous_startup_hook();
      bool found = false;
      LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
      void *memory = ShmemInitStruct(name, sizeof(Shared), &found);
      if (!found) {
        std::memset(memory, 0, sizeof(Shared));
        ConditionVariableInit(&static_cast<Shared *>(memory)->worker_gone);
      }
      detail::shared = static_cast<Shared *>(memory);
      detail::lock = &GetNamedLWLockTranche(name)[0].lock;
    });
    marks::attach_memory(&GetNamedLWLockTranche(name)[1].lock);
    pg::call([] { LWLockRelease(AddinShmemInitLock); });
    return Datum{0};
  });
}

}  // namespace

void request_shared_memory() {
  previous_request_hook = shmem_request_hook;
  shmem_request_hook = request;
  previous_startup_hook = shmem_startup_hook;
  shmem_startup_hook = initialize;
}

bool available() { return detail::shared != nullptr; }

Slot *find_slot(Shared &shared, Oid database) {
  // A database keeps its slot, so the one found last is nearly always the one wanted.
  static constinit std::size_t last = 0;
  if (shared.slots[last].database == database) return &shared.slots[last];
  for (std::size_t i = 0; i < shared.slots.size(); i++) {
    if (shared.slots[i].database != database) continue;
    last = i;
    return &shared.slots[i];
  }
  return nullptr;
}

Slot *obtain_slot(Shared &shared, Oid database) {
  Slot *slot = find_slot(shared, database);
  if (slot == nullptr) slot = find_slot(shared, InvalidOid);
  if (slot != nullptr) slot->database = database;
  return slot;
}

bool is_held(const Shared &shared, Oid database) {
  return std::any_of(shared.holds.begin(), shared.holds.end(),
                     [&](const Hold &hold) { return hold.database == database; });
}

void wake_launcher(Shared &shared) {
  if (shared.launcher_latch != nullptr) SetLatch(shared.launcher_latch);
}

void wake_worker(Slot &slot) {
  if (slot.pid != 0) SetLatch(slot.latch);
}

}  // namespace prebuilds::worker
