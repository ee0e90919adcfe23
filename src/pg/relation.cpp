#include "pg/relation.hpp"

#include <unordered_map>

namespace prebuilds::pg {

namespace {

struct Hash : std::hash<std::string_view> {
  using is_transparent = void;  // no string is made to look one up
};

struct Known {
  std::unordered_map<std::string, Oid, Hash, std::equal_to<>> oids;
  std::uint64_t forgotten = 0;  // how often
};

Known &known() {
  static Known relations;
  return relations;
}

void forget(Datum, int, uint32) noexcept {
  callback([] {
    known().oids.clear();
    known().forgotten++;
  });
}

void watch_catalog() {
  static constinit bool watching = false;
  if (watching) return;
  call([] {
    CacheRegisterSyscacheCallback(RELNAMENSP, forget, Datum{0});
    CacheRegisterSyscacheCallback(NAMESPACENAME, forget, Datum{0});
  });
  watching = true;
}

}  // namespace

Oid relation_oid(std::string_view name) {
  if (const auto found = known().oids.find(name); found != known().oids.end()) return found->second;
  watch_catalog();
  const std::string wanted(name);
  const std::uint64_t forgotten = known().forgotten;
  const Oid oid = call([&] {
    return get_relname_relid(wanted.c_str(), get_namespace_oid("prebuilds", /* missing_ok = */ false));
  });
  if (!OidIsValid(oid))
    throw SqlError(ERRCODE_UNDEFINED_TABLE, "relation \"prebuilds." + wanted + "\" does not exist");
  if (known().forgotten == forgotten) known().oids.emplace(wanted, oid);
  return oid;
}

}  // namespace prebuilds::pg
