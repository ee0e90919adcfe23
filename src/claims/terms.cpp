// Six look-ups by key, which as a statement take three times as long.
#include "claims/terms.hpp"

#include "pg/index_scan.hpp"
#include "reconciler/active_version.hpp"

namespace prebuilds::claims {

namespace {

bool find_preset(const core::Uuid &preset, Terms &terms) {
  return pg::find_row("template_version_presets", "template_version_presets_pkey", preset,
                      [&](pg::IndexScan &row) {
                        terms.template_version_id = row.uuid("template_version_id");
                        terms.has_pool = !row.is_null(row.column("desired_instances"));
                        if (const auto at = row.copy("last_invalidated_at"))
                          terms.last_invalidated_at = pg::to_instant(DatumGetTimestampTz(at->value));
                        if (const auto seconds = row.copy("invalidate_after_secs"))
                          terms.prebuild_ttl = std::chrono::seconds(DatumGetInt32(seconds->value));
                      });
}

bool find_version(Terms &terms) {
  return pg::find_row("template_versions", "template_versions_pkey", terms.template_version_id,
                      [&](pg::IndexScan &row) {
                        terms.template_id = row.uuid("template_id");
                        terms.organization_id = row.uuid("organization_id");
                        terms.tags = row.copy("tags")->value;
                      });
}

bool find_template(Terms &terms) {
  return pg::find_row("templates", "templates_pkey", terms.template_id, [&](pg::IndexScan &row) {
    terms.provisioner = row.copy("provisioner")->value;
    terms.default_ttl = DatumGetInt64(row.value("default_ttl"));
    const reconciler::ActiveVersionReader reader(row);
    terms.active = reader.activity(row, terms.template_version_id) == core::Activity::active;
  });
}

// An earlier build may have been reopened: the latest one, which the read model shows, is not all that
// counts.
bool has_open_build(const core::Uuid &workspace) {
  return pg::find_row("workspace_builds", "workspace_builds_open_key", workspace, [](pg::IndexScan &) {});
}

bool owner_has_workspace(const core::Uuid &owner, Datum name) {
  pg::IndexScan workspaces("workspaces", "workspaces_owner_name_key", 2);
  ScanKeyData keys[2] = {pg::uuid_key(1, owner),
                         pg::text_key(2, DirectFunctionCall1Coll(lower, DEFAULT_COLLATION_OID, name))};
  workspaces.start(keys);
  const bool found = workspaces.next();
  workspaces.end();
  return found;
}

bool owner_exists(const core::Uuid &owner) {
  bool exists = false;
  pg::find_row("users", "users_pkey", owner,
               [&](pg::IndexScan &row) { exists = !DatumGetBool(row.value("deleted")); });
  return exists;
}

}  // namespace

std::optional<Terms> find_terms(const core::Uuid &preset, const core::Uuid &owner, Datum name,
                                const std::optional<core::Uuid> &prebuild) {
  return pg::call([&]() -> std::optional<Terms> {
    Terms terms;
    pg::push_statement_snapshot();
    const bool found = find_preset(preset, terms) && find_version(terms) && find_template(terms);
    if (found) {
      terms.at_work = prebuild && has_open_build(*prebuild);
      terms.name_taken = owner_has_workspace(owner, name);
      terms.owner_exists = owner_exists(owner);
    }
    PopActiveSnapshot();
    return found ? std::optional(terms) : std::nullopt;
  });
}

}  // namespace prebuilds::claims
