#include "pg/probe.hpp"

namespace prebuilds::pg {

namespace {

struct FoundUuid {
  bool found = false;
  pg_uuid_t value{};
};

std::optional<core::Place> first_of(ListScan &list, const core::Place &from) {
  list.start(from);
  const std::optional<core::Place> first = list.next();
  list.end();
  return first;
}

}  // namespace

std::optional<core::Uuid> UniqueIndex::find(const core::Uuid &key) const {
  return find(F_UUID_EQ, PointerGetDatum(key.bytes.data()));
}

std::optional<core::Uuid> UniqueIndex::find(std::int64_t key) const {
  return find(F_INT8EQ, Int64GetDatum(key));
}

std::optional<core::Uuid> UniqueIndex::find(RegProcedure equals, Datum key) const {
  const FoundUuid found = call([&] {
    ScanKeyData equal;
    ScanKeyInit(&equal, 1, BTEqualStrategyNumber, equals, key);
    IndexScan scan(table_, index_);
    scan.start(&equal);
    FoundUuid result;
    if (scan.next()) {
      bool null = false;
      const Datum value = scan.value(scan.column(column_), &null);
      if (!null) result = {true, *DatumGetUUIDP(value)};
    }
    scan.end();
    return result;
  });
  return found.found ? std::optional(to_uuid(UUIDPGetDatum(&found.value))) : std::nullopt;
}

std::optional<core::Place> ListIndex::first(const core::Uuid &key, const core::Place &from) const {
  return call([&] {
    ListScan list(*this, key);
    return first_of(list, from);
  });
}

std::optional<core::Place> ListIndex::first(std::int64_t key, int second_key, const core::Place &from) const {
  return call([&] {
    ListScan list(*this, key, second_key);
    return first_of(list, from);
  });
}

ListScan::ListScan(const ListIndex &index, int key_count, LOCKMODE lock)
    : scan_(index.table_, index.index_, key_count + 1, lock),
      created_at_(scan_.column("created_at")),
      id_(scan_.column(index.id_)),
      key_count_(key_count) {}

ListScan::ListScan(const ListIndex &index, const core::Uuid &key, LOCKMODE lock) : ListScan(index, 1, lock) {
  key_ = key;
  keys_[0] = uuid_key(1, key_);
}

ListScan::ListScan(const ListIndex &index, std::int64_t key, int second_key, LOCKMODE lock)
    : ListScan(index, 2, lock) {
  keys_[0] = bigint_key(1, key);
  ScanKeyInit(&keys_[1], 2, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(second_key));
}

void ListScan::start(const core::Place &from) {
  // (created_at, id) >= from, as the executor passes a comparison of rows to an index.
  const auto first_column = static_cast<AttrNumber>(key_count_ + 1);
  from_id_ = from.id;
  ScanKeyEntryInitialize(&from_[0], SK_ROW_MEMBER, first_column, BTGreaterEqualStrategyNumber, TIMESTAMPTZOID,
                         InvalidOid, F_TIMESTAMPTZ_CMP, TimestampTzGetDatum(to_timestamptz(from.created_at)));
  ScanKeyEntryInitialize(&from_[1], SK_ROW_MEMBER | SK_ROW_END, static_cast<AttrNumber>(first_column + 1),
                         BTGreaterEqualStrategyNumber, UUIDOID, InvalidOid, F_UUID_CMP,
                         PointerGetDatum(from_id_.bytes.data()));
  ScanKeyData &bound = keys_[static_cast<std::size_t>(key_count_)];
  bound = {};
  bound.sk_flags = SK_ROW_HEADER;
  bound.sk_attno = first_column;
  bound.sk_strategy = BTGreaterEqualStrategyNumber;
  bound.sk_argument = PointerGetDatum(from_.data());
  scan_.start(keys_.data());
}

std::optional<core::Place> ListScan::next() {
  if (!scan_.next()) return std::nullopt;
  return core::Place{to_instant(DatumGetTimestampTz(scan_.value(created_at_))), to_uuid(scan_.value(id_))};
}

}  // namespace prebuilds::pg
