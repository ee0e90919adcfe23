// Single rows by an index, read without SPI in about a microsecond: for triggers that must tell whether a row
// concerns us at all, and for lists of which many have to be looked at.
#pragma once

#include "core/low_water_mark.hpp"
#include "pg/index_scan.hpp"

namespace prebuilds::pg {

// On a uuid or bigint column; or any row by the first column of one on several.
class UniqueIndex {
 public:
  // Names within schema prebuilds. `column` is the uuid column that find() returns.
  constexpr UniqueIndex(const char *table, const char *index, const char *column)
      : table_(table), index_(index), column_(column) {}

  // Under the active snapshot; none if there is no such row, or the column is NULL.
  std::optional<core::Uuid> find(const core::Uuid &key) const;
  std::optional<core::Uuid> find(std::int64_t key) const;

 private:
  std::optional<core::Uuid> find(RegProcedure equals, Datum key) const;

  const char *table_;
  const char *index_;
  const char *column_;
};

// On (what makes a list, created_at, id), of the rows that are in a list.
class ListIndex {
 public:
  // Names within schema prebuilds. `id` is the uuid column that is the index's last.
  constexpr ListIndex(const char *table, const char *index, const char *id)
      : table_(table), index_(index), id_(id) {}

  // The first row of a list from a place on, under the active snapshot.
  std::optional<core::Place> first(const core::Uuid &key, const core::Place &from) const;
  std::optional<core::Place> first(std::int64_t key, int second_key, const core::Place &from) const;

 private:
  friend class ListScan;

  const char *table_;
  const char *index_;
  const char *id_;
};

// The rows of a list under the active snapshot, oldest first. Only inside of call().
class ListScan {
 public:
  ListScan(const ListIndex &index, const core::Uuid &key, LOCKMODE lock = AccessShareLock);
  // Of any number of lists, one after the other.
  explicit ListScan(const ListIndex &index) : ListScan(index, core::Uuid{}) {}
  ListScan(const ListIndex &index, std::int64_t key, int second_key, LOCKMODE lock = AccessShareLock);
  ListScan(const ListScan &) = delete;  // keys point into it
  ListScan &operator=(const ListScan &) = delete;

  void start(const core::Place &from);
  void start(const core::Uuid &key, const core::Place &from) {
    key_ = key;
    start(from);
  }
  // The place of the next row; none at the end of the list.
  std::optional<core::Place> next();
  IndexScan &row() { return scan_; }
  void end() { scan_.end(); }

 private:
  ListScan(const ListIndex &index, int key_count, LOCKMODE lock);

  IndexScan scan_;
  AttrNumber created_at_;
  AttrNumber id_;
  int key_count_;  // of the list
  core::Uuid key_{};
  core::Uuid from_id_{};
  std::array<ScanKeyData, 3> keys_{};  // the last one: (created_at, id) >= from
  std::array<ScanKeyData, 2> from_{};
};
static_assert(std::is_trivially_destructible_v<ListScan>);

}  // namespace prebuilds::pg
