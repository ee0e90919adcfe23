#include "reconciler/standstill.hpp"

#include "pg/gucs.hpp"
#include "pg/index_scan.hpp"
#include "pg/jsonb.hpp"

namespace prebuilds::reconciler {

namespace {

bool paused() {
  return pg::call([] {
    pg::IndexScan settings("site_configs", "site_configs_pkey");
    ScanKeyData key = pg::text_key(1, CStringGetTextDatum("prebuilds_settings"));
    settings.start(&key);
    bool is_paused = false;
    if (settings.next()) {
      const JsonbValue *value = pg::find_member(
          DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(settings.value("value")))),
          "reconciliation_paused");
      is_paused = value != nullptr && value->type == jbvBool && value->val.boolean;
    }
    settings.end();
    return is_paused;
  });
}

}  // namespace

bool held() {
  return pg::call([] {
    pg::IndexScan installation("installation", "installation_pkey");
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_BOOLEQ, BoolGetDatum(true));
    installation.start(&key);
    const bool ours = installation.next() && !DatumGetBool(installation.value("created_by_restore")) &&
                      DatumGetObjectId(installation.value("database_oid")) == MyDatabaseId;
    installation.end();
    return !ours;
  });
}

std::optional<std::string> standstill() {
  if (!pg::guc::enabled) return "disabled";
  if (held()) return "held";
  if (paused()) return "paused";
  return std::nullopt;
}

}  // namespace prebuilds::reconciler

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_held);
PG_FUNCTION_INFO_V1(prebuilds_paused);

// prebuilds.held() returns boolean
PGDLLEXPORT Datum prebuilds_held(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  return prebuilds::pg::entry([] { return BoolGetDatum(prebuilds::reconciler::held()); });
}

// prebuilds.paused() returns boolean
PGDLLEXPORT Datum prebuilds_paused(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  return prebuilds::pg::entry([] { return BoolGetDatum(prebuilds::reconciler::paused()); });
}

}  // extern "C"
