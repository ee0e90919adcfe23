#include "pg/index_scan.hpp"

#include "pg/compat.hpp"

namespace prebuilds::pg {

Oid relation_oid(const char *name) {
  const Oid oid =
      call([&] { return get_relname_relid(name, get_namespace_oid("prebuilds", /* missing_ok = */ false)); });
  if (!OidIsValid(oid))
    throw SqlError(ERRCODE_UNDEFINED_TABLE,
                   std::string("relation \"prebuilds.") + name + "\" does not exist");
  return oid;
}

IndexScanDesc IndexScan::begin(int key_count) {
  return index_beginscan_compat(table_, index_, GetActiveSnapshot(), key_count);
}

}  // namespace prebuilds::pg
