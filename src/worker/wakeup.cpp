#include "worker/wakeup.hpp"

#include "marks/marks.hpp"
#include "pg/gucs.hpp"
#include "worker/shmem.hpp"

namespace prebuilds::worker {

namespace {

// What the current transaction has noted so far.
struct Notes {
  WakeSet wake;
  bool extension_changed = false;
  bool databases_changed = false;

  bool empty() const { return wake.empty() && !extension_changed && !databases_changed; }
  void clear() {
    wake.clear();
    extension_changed = false;
    databases_changed = false;
  }
};

constinit Notes notes;
constinit bool ignoring = false;

void publish() {
  with_shared([](Shared &shared) {
    if (notes.extension_changed) shared.retry.add(MyDatabaseId);
    if (notes.databases_changed) shared.databases_changed = true;
    if (notes.extension_changed || notes.databases_changed) wake_launcher(shared);

    Slot *slot = find_slot(shared, MyDatabaseId);
    if (slot == nullptr) return;
    if (notes.extension_changed) notes.wake.add_everything();
    // Whoever finds the set empty wakes the worker; the others know that it is awake.
    const bool asleep = slot->wake.empty();
    slot->wake.merge(notes.wake);
    if (asleep) wake_worker(*slot);
  });
}

// PREPARE TRANSACTION makes nothing visible; COMMIT PREPARED notes everything, in whatever backend it runs.
void at_transaction_end(XactEvent event, void *) noexcept {
  pg::callback([&] {
    const bool ended = event == XACT_EVENT_COMMIT || event == XACT_EVENT_PARALLEL_COMMIT ||
                       event == XACT_EVENT_ABORT || event == XACT_EVENT_PARALLEL_ABORT ||
                       event == XACT_EVENT_PREPARE;
    if (!ended || notes.empty()) return;
    if (pg::guc::debug_drop_wakeups) notes.wake.clear();
    if (event == XACT_EVENT_COMMIT && !notes.empty()) {
      // Whoever is woken looks for what was added: it must not lie before a mark.
      marks::publish_noted();
      publish();
    }
    notes.clear();
  });
}

// False: nobody would read the notes.
bool prepare_to_note() {
  if (ignoring || !available()) return false;
  static constinit bool registered = false;
  if (!registered) {
    pg::call([] { RegisterXactCallback(at_transaction_end, nullptr); });
    registered = true;
  }
  return true;
}

// Whether a live worker will see what is noted.
bool worker_serves_this_database() {
  return available() && with_shared([](Shared &shared) {
           const Slot *slot = find_slot(shared, MyDatabaseId);
           return slot != nullptr && slot->pid != 0;
         });
}

}  // namespace

void note_changed(const core::Uuid &preset) {
  if (prepare_to_note()) notes.wake.presets.add(preset);
}

void note_everything() {
  if (prepare_to_note()) notes.wake.presets.add_everything();
}

bool note_jobs_posted(std::span<const std::int64_t> queue_keys) {
  if (!prepare_to_note() || !worker_serves_this_database()) return false;
  for (const std::int64_t key : queue_keys) notes.wake.job_queues.add(key);
  return true;
}

void note_extension_changed() {
  marks::added_anything();  // what a prepared transaction added, its triggers noted elsewhere
  if (prepare_to_note()) notes.extension_changed = true;
}

void note_databases_changed() {
  if (prepare_to_note()) notes.databases_changed = true;
}

Unnoted::Unnoted() { ignoring = true; }
Unnoted::~Unnoted() { ignoring = false; }

}  // namespace prebuilds::worker
