#include "marks/marks.hpp"

#include <algorithm>
#include <array>

namespace prebuilds::marks {

namespace {

// Lists that somebody has read since the sweep before last; the others have no mark until it made room.
constexpr long capacity = 4096;

struct Key {
  std::int64_t database;
  List list;
};
// Hashed and compared as bytes.
static_assert(std::has_unique_object_representations_v<Key>);

struct Entry {
  Key key;
  core::LowWaterMark mark;
  bool used;  // since the last sweep
};

constinit HTAB *entries = nullptr;  // shared; nullptr: the library was not preloaded
constinit LWLock *entries_lock = nullptr;

constinit std::uint64_t *marks_made = nullptr;  // since the server started

template <class F>
void locked(F &&f) {
  struct Release {
    ~Release() { LWLockRelease(entries_lock); }
  };
  pg::call([] { LWLockAcquire(entries_lock, LW_EXCLUSIVE); });
  Release release;
  f();
}

Entry *find(const List &list, HASHACTION action) {
  const Key key{MyDatabaseId, list};
  bool existed = false;
  auto *entry = pg::call([&] { return static_cast<Entry *>(hash_search(entries, &key, action, &existed)); });
  if (entry != nullptr && !existed) entry->mark = core::LowWaterMark(++*marks_made);
  return entry;
}

struct Finding {
  List list;
  core::LowWaterMark::Ticket ticket;
  core::Place first;
};

// What the current transaction has to say when it commits. A subtransaction that rolls back may have said too
// much about additions, which does no harm.
struct Notes {
  std::array<Mark, 128> additions;  // of each list the oldest one
  std::size_t addition_count = 0;
  bool added_anything = false;
  std::array<Finding, 128> findings;  // more are dropped: the marks stay lower than they could be
  std::size_t finding_count = 0;

  std::span<Mark> added() { return std::span(additions).first(addition_count); }
  std::span<Finding> found() { return std::span(findings).first(finding_count); }
  bool empty() const { return addition_count == 0 && finding_count == 0 && !added_anything; }
  void clear() {
    addition_count = 0;
    finding_count = 0;
    added_anything = false;
  }
};

constinit Notes notes{};

// Removes the marks of this database of which `forget(Entry &)` says so.
template <class F>
void forget_while_locked(F &&forget) {
  pg::call([&] {
    HASH_SEQ_STATUS scan;
    hash_seq_init(&scan, entries);
    while (auto *entry = static_cast<Entry *>(hash_seq_search(&scan)))
      if (entry->key.database == MyDatabaseId && forget(*entry))
        hash_search(entries, &entry->key, HASH_REMOVE, nullptr);
  });
}

void publish() {
  locked([] {
    for (const Finding &finding : notes.found())
      if (Entry *entry = find(finding.list, HASH_FIND)) entry->mark.raise(finding.ticket, finding.first);
    for (const Mark &addition : notes.added())
      if (Entry *entry = find(addition.list, HASH_FIND)) entry->mark.add(addition.place);
    if (notes.added_anything) forget_while_locked([](const Entry &) { return true; });
  });
}

void at_transaction_end(XactEvent event, void *) noexcept {
  pg::callback([&] {
    const bool ended = event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE;
    if (!ended) return;
    if (event == XACT_EVENT_COMMIT) publish_noted();
    notes.clear();
  });
}

// What was taken in it is there again. Findings from before it go as well: nobody knows which is which.
void at_subtransaction_end(SubXactEvent event, SubTransactionId, SubTransactionId, void *) noexcept {
  pg::callback([&] {
    if (event == SUBXACT_EVENT_ABORT_SUB) notes.finding_count = 0;
  });
}

// False: there are no marks.
bool prepare_to_note() {
  if (entries == nullptr) return false;
  static constinit bool registered = false;
  if (!registered) {
    pg::call([] {
      RegisterXactCallback(at_transaction_end, nullptr);
      RegisterSubXactCallback(at_subtransaction_end, nullptr);
    });
    registered = true;
  }
  return true;
}

}  // namespace

List pool(const core::Uuid &preset) { return {List::Kind::pool, preset}; }

List prebuilds(const core::Uuid &preset) { return {List::Kind::prebuilds, preset}; }

List queue(std::int64_t queue_key, bool of_prebuilds_user) {
  List list{of_prebuilds_user ? List::Kind::prebuilds_queue : List::Kind::people_queue, {}};
  std::memcpy(list.key.bytes.data(), &queue_key, sizeof(queue_key));
  return list;
}

std::size_t memory_size() {
  return pg::call(
      [] { return add_size(hash_estimate_size(capacity, sizeof(Entry)), MAXALIGN(sizeof(*marks_made))); });
}

void attach_memory(LWLock *lock) {
  pg::call([&] {
    bool found = false;
    marks_made =
        static_cast<std::uint64_t *>(ShmemInitStruct("pg_prebuilds marks made", sizeof(*marks_made), &found));
    if (!found) *marks_made = 0;
    HASHCTL layout{};
    layout.keysize = sizeof(Key);
    layout.entrysize = sizeof(Entry);
    entries = ShmemInitHash("pg_prebuilds marks", capacity, capacity, &layout,
                            HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
    entries_lock = lock;
  });
}

Look look(const List &list) {
  Look look;
  if (!prepare_to_note()) return look;
  locked([&] {
    if (Entry *entry = find(list, HASH_ENTER_NULL)) {
      look = {entry->mark.place(), entry->mark.ticket()};
      entry->used = true;
    }
  });
  // What we added ourselves nobody else has been told of.
  if (notes.added_anything) look.from = core::before_all;
  for (const Mark &addition : notes.added())
    if (addition.list == list) look.from = std::min(look.from, addition.place);
  return look;
}

void found(const List &list, const Look &look, const core::Place &first) {
  if (first == look.from || !prepare_to_note()) return;
  const Finding finding{list, look.ticket, first};
  const auto before = std::find_if(notes.found().begin(), notes.found().end(),
                                   [&](const Finding &f) { return f.list == list; });
  if (before != notes.found().end()) {
    *before = finding;
  } else if (notes.finding_count < notes.findings.size()) {
    notes.findings[notes.finding_count++] = finding;
  }
}

void added(const List &list, const core::Place &entry) {
  if (!prepare_to_note()) return;
  const auto before =
      std::find_if(notes.added().begin(), notes.added().end(), [&](const Mark &a) { return a.list == list; });
  if (before != notes.added().end()) {
    before->place = std::min(before->place, entry);
  } else if (notes.addition_count < notes.additions.size()) {
    notes.additions[notes.addition_count++] = {list, entry};
  } else {
    added_anything();
  }
}

void added_anything() {
  if (prepare_to_note()) notes.added_anything = true;
}

void publish_noted() {
  if (notes.empty()) return;
  publish();
  notes.clear();
}

bool in_use() { return entries != nullptr; }

std::vector<Mark> take_used() {
  std::vector<Mark> marks;
  marks.reserve(capacity);
  locked([&] {
    forget_while_locked([&](Entry &entry) {
      if (entry.used) marks.push_back({entry.key.list, entry.mark.place()});
      return !std::exchange(entry.used, false);
    });
  });
  return marks;
}

void lower(std::span<const Mark> to) {
  if (to.empty()) return;
  locked([&] {
    for (const Mark &mark : to)
      if (Entry *entry = find(mark.list, HASH_FIND)) entry->mark.add(mark.place);
  });
}

}  // namespace prebuilds::marks
