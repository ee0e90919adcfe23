#include "queue/description.hpp"

#include "pg/index_scan.hpp"
#include "pg/jsonb.hpp"

namespace prebuilds::queue {

namespace {

std::string_view copy_text(Datum value) {
  const text *copied = DatumGetTextPCopy(value);
  return {VARDATA(copied), VARSIZE(copied) - VARHDRSZ};
}

// Only inside of call().
pg::AsIs parameters_of(const std::optional<PendingBuild> &build) {
  pg::JsonbBuilder json;
  json.begin_object();
  if (build) {
    pg::IndexScan parameters("workspace_build_parameters",
                             "workspace_build_parameters_workspace_build_id_name_key");
    const AttrNumber name = parameters.column("name"), value = parameters.column("value");
    parameters.start(build->id);
    while (parameters.next()) json.add(copy_text(parameters.value(name)), copy_text(parameters.value(value)));
    parameters.end();
  }
  json.end_object();
  return {json.result()};
}

}  // namespace

Description describe(const PendingJob &job) {
  return pg::call([&] {
    Description found;
    pg::push_statement_snapshot();
    pg::find_row("organizations", "organizations_pkey", job.organization_id,
                 [&](pg::IndexScan &row) { found.organization_name = row.copy("name"); });
    if (job.build) {
      core::Uuid template_id;
      pg::find_row("users", "users_pkey", job.build->owner_id,
                   [&](pg::IndexScan &row) { found.owner_name = row.copy("username"); });
      pg::find_row("template_versions", "template_versions_pkey", job.build->template_version_id,
                   [&](pg::IndexScan &row) {
                     found.version_name = row.copy("name");
                     found.definition = row.copy("definition");
                     template_id = row.uuid("template_id");
                   });
      pg::find_row("templates", "templates_pkey", template_id,
                   [&](pg::IndexScan &row) { found.template_name = row.copy("name"); });
    }
    found.parameters = parameters_of(job.build);
    PopActiveSnapshot();
    return found;
  });
}

}  // namespace prebuilds::queue
