// What a claim has to know of a preset, its template, the owner and the prebuild it has locked: six look-ups
// by key, which as a statement take three times as long.
#include "row_locks/row_locks.hpp"

using namespace prebuilds;

namespace {

// prebuilds.claim_terms, column by column.
enum Column {
  template_version_id,
  template_id,
  organization_id,
  desired_instances,
  last_invalidated_at,
  invalidate_after_secs,
  tags,
  provisioner,
  default_ttl,
  active,
  at_work,
  name_taken,
  owner_exists,
  columns
};

using Terms = row_locks::Composite<columns>;

// Case does not matter.
bool owner_has_workspace(const core::Uuid &owner, Datum name) {
  pg::IndexScan workspaces("workspaces", "workspaces_owner_name_key", 2);
  ScanKeyData keys[2] = {pg::uuid_key(1, owner),
                         pg::text_key(2, DirectFunctionCall1Coll(lower, DEFAULT_COLLATION_OID, name))};
  workspaces.start(keys);
  const bool found = workspaces.next();
  workspaces.end();
  return found;
}

Terms find_terms(const core::Uuid &preset, const core::Uuid &owner, Datum name,
                 const std::optional<core::Uuid> &prebuild) {
  return pg::call([&] {
    Terms terms;
    row_locks::push_statement_snapshot();
    core::Uuid version{}, of_template{};
    bool found = pg::find_row("template_version_presets", "template_version_presets_pkey", preset,
                              [&](pg::IndexScan &row) {
                                version = row.uuid("template_version_id");
                                terms.take(template_version_id, row, "template_version_id");
                                terms.take(desired_instances, row, "desired_instances");
                                terms.take(last_invalidated_at, row, "last_invalidated_at");
                                terms.take(invalidate_after_secs, row, "invalidate_after_secs");
                              });
    found = found &&
            pg::find_row("template_versions", "template_versions_pkey", version, [&](pg::IndexScan &row) {
              of_template = row.uuid("template_id");
              terms.take(template_id, row, "template_id");
              terms.take(organization_id, row, "organization_id");
              terms.take(tags, row, "tags");
            });
    found = found && pg::find_row("templates", "templates_pkey", of_template, [&](pg::IndexScan &row) {
              terms.take(provisioner, row, "provisioner");
              terms.take(default_ttl, row, "default_ttl");
              const bool has_active = !row.is_null(row.column("active_version_id"));
              terms.set(active, BoolGetDatum(has_active && row.uuid("active_version_id") == version &&
                                             !DatumGetBool(row.value("deleted")) &&
                                             pg::is_empty(row.value("deprecated"))));
            });
    if (found) {
      // An earlier build may have been reopened: the latest one, which the read model shows, is not all that
      // counts.
      terms.set(at_work,
                BoolGetDatum(prebuild && pg::find_row("workspace_builds", "workspace_builds_open_key",
                                                      *prebuild, [](pg::IndexScan &) {})));
      terms.set(name_taken, BoolGetDatum(owner_has_workspace(owner, name)));
      bool exists = false;
      pg::find_row("users", "users_pkey", owner,
                   [&](pg::IndexScan &row) { exists = !DatumGetBool(row.value("deleted")); });
      terms.set(owner_exists, BoolGetDatum(exists));
    }
    PopActiveSnapshot();
    return terms;
  });
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_find_claim_terms);

// prebuilds.find_claim_terms(preset_id uuid, owner_id uuid, name text, workspace_id uuid)
//   returns prebuilds.claim_terms
PGDLLEXPORT Datum prebuilds_find_claim_terms(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2)) {
      fcinfo->isnull = true;
      return Datum{0};
    }
    const Terms terms =
        find_terms(pg::to_uuid(PG_GETARG_DATUM(0)), pg::to_uuid(PG_GETARG_DATUM(1)), PG_GETARG_DATUM(2),
                   PG_ARGISNULL(3) ? std::nullopt : std::optional(pg::to_uuid(PG_GETARG_DATUM(3))));
    return terms.result(fcinfo);
  });
}

}  // extern "C"
