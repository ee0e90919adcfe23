#include "pg/probe.hpp"

#include "pg/compat.hpp"

namespace prebuilds::pg {

namespace {

Oid relation_oid(const char *name) {
  const Oid oid =
      call([&] { return get_relname_relid(name, get_namespace_oid("prebuilds", /* missing_ok = */ false)); });
  if (!OidIsValid(oid))
    throw SqlError(ERRCODE_UNDEFINED_TABLE,
                   std::string("relation \"prebuilds.") + name + "\" does not exist");
  return oid;
}

// The rows of a table in the order of an index. Only inside of call().
class Scan {
 public:
  Scan(Oid table, Oid index, ScanKeyData *keys, int key_count) {
    table_ = table_open(table, AccessShareLock);
    index_ = index_open(index, AccessShareLock);
    slot_ = table_slot_create(table_, nullptr);
    scan_ = index_beginscan_compat(table_, index_, GetActiveSnapshot(), key_count);
    index_rescan(scan_, keys, key_count, nullptr, 0);
  }
  bool next() { return index_getnext_slot(scan_, ForwardScanDirection, slot_); }
  Datum column(const char *name, bool *null) {
    return slot_getattr(slot_, get_attnum(RelationGetRelid(table_), name), null);
  }
  // No destructor: an error leaves all this to the transaction's abort.
  void end() {
    index_endscan(scan_);
    ExecDropSingleTupleTableSlot(slot_);
    index_close(index_, NoLock);  // locks go with the transaction, as the executor's do
    table_close(table_, NoLock);
  }

 private:
  Relation table_;
  Relation index_;
  TupleTableSlot *slot_;
  IndexScanDesc scan_;
};

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
  const Oid index = relation_oid(index_);
  const FoundUuid found = call([&] {
    ScanKeyData equal;
    ScanKeyInit(&equal, 1, BTEqualStrategyNumber, equals, key);
    Scan scan(table, index, &equal, 1);
    FoundUuid result;
    if (scan.next()) {
      bool null = false;
      const Datum value = scan.column(column_, &null);
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
  const Oid index = relation_oid(index_);
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

    Scan scan(table, index, keys.data(), static_cast<int>(keys.size()));
    FoundPlace result;
    if (scan.next()) {
      bool null = false;
      result.created_at = DatumGetTimestampTz(scan.column("created_at", &null));
      result.id = *DatumGetUUIDP(scan.column(id_, &null));
      result.found = true;
    }
    scan.end();
    return result;
  });
  if (!found.found) return std::nullopt;
  return core::Place{to_instant(found.created_at), to_uuid(UUIDPGetDatum(&found.id))};
}

}  // namespace prebuilds::pg
