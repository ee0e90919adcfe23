#include "pg/probe.hpp"

#include "pg/compat.hpp"

namespace prebuilds::pg {

namespace {

struct Found {
  bool found = false;
  pg_uuid_t value{};
};

}  // namespace

std::optional<core::Uuid> UniqueIndex::find(const core::Uuid &key) const {
  return find(F_UUID_EQ, PointerGetDatum(key.bytes.data()));
}

std::optional<core::Uuid> UniqueIndex::find(std::int64_t key) const { return find(F_INT8EQ, Int64GetDatum(key)); }

std::optional<core::Uuid> UniqueIndex::find(RegProcedure equals, Datum key) const {
  const Found found = call([&] {
    const auto relation_oid = [](const char *name) {
      const Oid schema = get_namespace_oid("prebuilds", /* missing_ok = */ false);
      const Oid relation = get_relname_relid(name, schema);
      if (!OidIsValid(relation))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"prebuilds.%s\" does not exist", name)));
      return relation;
    };
    Found result;
    Relation table = table_open(relation_oid(table_), AccessShareLock);
    Relation index = index_open(relation_oid(index_), AccessShareLock);
    TupleTableSlot *slot = table_slot_create(table, nullptr);
    IndexScanDesc scan = index_beginscan_compat(table, index, GetActiveSnapshot(), 1);
    ScanKeyData equal;
    ScanKeyInit(&equal, 1, BTEqualStrategyNumber, equals, key);
    index_rescan(scan, &equal, 1, nullptr, 0);
    if (index_getnext_slot(scan, ForwardScanDirection, slot)) {
      bool null = false;
      const Datum value = slot_getattr(slot, get_attnum(RelationGetRelid(table), column_), &null);
      if (!null) result = {true, *DatumGetUUIDP(value)};
    }
    index_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    index_close(index, NoLock);  // locks go with the transaction, as the executor's do
    table_close(table, NoLock);
    return result;
  });
  if (!found.found) return std::nullopt;
  core::Uuid value;
  std::memcpy(value.bytes.data(), found.value.data, UUID_LEN);
  return value;
}

}  // namespace prebuilds::pg
