#include "pg/probe.hpp"

#include "pg/index_scan.hpp"

namespace prebuilds::pg {

namespace {

struct FoundUuid {
  bool found = false;
  pg_uuid_t value{};
};

struct FoundPlace {
  bool found = false;
  TimestampTz created_at = 0;
  pg_uuid_t id{};
};

}  // namespace

std::optional<core::Uuid> UniqueIndex::find(const core::Uuid &key) const {
  return find(F_UUID_EQ, PointerGetDatum(key.bytes.data()));
}

std::optional<core::Uuid> UniqueIndex::find(std::int64_t key) const {
  return find(F_INT8EQ, Int64GetDatum(key));
}

std::optional<core::Uuid> UniqueIndex::find(RegProcedure equals, Datum key) const {
  const Oid table = relation_oid(table_);
  const FoundUuid found = call([&] {
    ScanKeyData equal;
    ScanKeyInit(&equal, 1, BTEqualStrategyNumber, equals, key);
    IndexScan scan(table, index_, 1);
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
  std::array<ScanKeyData, 2> keys;
  call(
      [&] { ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, PointerGetDatum(key.bytes.data())); });
  return first(keys, from);
}

std::optional<core::Place> ListIndex::first(std::int64_t key, int second_key, const core::Place &from) const {
  std::array<ScanKeyData, 3> keys;
  call([&] {
    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key));
    ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(second_key));
  });
  return first(keys, from);
}

// `keys`: what makes the list, and room for one more.
std::optional<core::Place> ListIndex::first(std::span<ScanKeyData> keys, const core::Place &from) const {
  const Oid table = relation_oid(table_);
  const FoundPlace found = call([&] {
    // (created_at, id) >= from, as the executor passes a comparison of rows to an index.
    const auto created_at = static_cast<AttrNumber>(keys.size());
    const auto id = static_cast<AttrNumber>(created_at + 1);
    ScanKeyData row[2];
    ScanKeyEntryInitialize(&row[0], SK_ROW_MEMBER, created_at, BTGreaterEqualStrategyNumber, TIMESTAMPTZOID,
                           InvalidOid, F_TIMESTAMPTZ_CMP,
                           TimestampTzGetDatum(to_timestamptz(from.created_at)));
    ScanKeyEntryInitialize(&row[1], SK_ROW_MEMBER | SK_ROW_END, id, BTGreaterEqualStrategyNumber, UUIDOID,
                           InvalidOid, F_UUID_CMP, PointerGetDatum(from.id.bytes.data()));
    ScanKeyData &bound = keys.back();
    bound = {};
    bound.sk_flags = SK_ROW_HEADER;
    bound.sk_attno = created_at;
    bound.sk_strategy = BTGreaterEqualStrategyNumber;
    bound.sk_argument = PointerGetDatum(row);

    IndexScan scan(table, index_, static_cast<int>(keys.size()));
    scan.start(keys.data());
    FoundPlace result;
    if (scan.next()) {
      result.created_at = DatumGetTimestampTz(scan.value(scan.column("created_at")));
      result.id = *DatumGetUUIDP(scan.value(scan.column(id_)));
      result.found = true;
    }
    scan.end();
    return result;
  });
  if (!found.found) return std::nullopt;
  return core::Place{to_instant(found.created_at), to_uuid(UUIDPGetDatum(&found.id))};
}

}  // namespace prebuilds::pg
