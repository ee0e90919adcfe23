#include "worker/extension.hpp"

namespace prebuilds::worker {

namespace {

LOCKTAG lock_tag(Oid extension) {
  LOCKTAG tag;
  SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 0);
  return tag;
}

// Whether the extension's row is there and carries the version that this library was built for.
Presence examine(Oid extension) {
  return pg::call([&] {
    Presence presence = Presence::gone;
    ScanKeyData key;
    Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
    SysScanDesc scan = systable_beginscan(extensions, ExtensionOidIndexId, true, nullptr, 1, &key);
    if (HeapTuple row = systable_getnext(scan); HeapTupleIsValid(row)) {
      bool null = false;
      const Datum version =
          heap_getattr(row, Anum_pg_extension_extversion, RelationGetDescr(extensions), &null);
      const bool known = !null && strcmp(text_to_cstring(DatumGetTextPP(version)), PREBUILDS_VERSION) == 0;
      presence = known ? Presence::here : Presence::unknown_version;
    }
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    return presence;
  });
}

}  // namespace

Oid extension_oid() {
  return pg::call([] { return get_extension_oid(extension_name, /* missing_ok = */ true); });
}

Presence lock_extension() {
  const Oid extension = extension_oid();
  if (!OidIsValid(extension)) return Presence::gone;
  // DROP EXTENSION locks the extension before any of its tables. Taken in the same order a pass and a drop
  // cannot deadlock, and not waiting means that a transaction that drops and stays open keeps no worker
  // hanging.
  const LOCKTAG tag = lock_tag(extension);
  const bool locked = pg::call([&] {
    return LockAcquire(&tag, AccessShareLock, /* sessionLock = */ false, /* dontWait = */ true) !=
           LOCKACQUIRE_NOT_AVAIL;
  });
  if (!locked) return Presence::busy;
  pg::call([] { AcceptInvalidationMessages(); });
  return examine(extension);
}

void lock_extension_exclusively() {
  const Oid extension = extension_oid();
  if (OidIsValid(extension))
    pg::call([&] { LockDatabaseObject(ExtensionRelationId, extension, 0, AccessExclusiveLock); });
}

}  // namespace prebuilds::worker
