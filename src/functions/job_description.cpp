// What a daemon is told of a job besides its rows: five look-ups by key, which as a statement take twice as
// long.
#include "pg/index_scan.hpp"
#include "pg/result_set.hpp"

using namespace prebuilds;

namespace {

struct Description {
  std::optional<Datum> organization_name, owner_name, template_name, version_name, definition;
  Datum parameters = 0;
};

// {"name": "value"}. Only inside of call().
Datum parameters_of(const std::optional<core::Uuid> &build) {
  JsonbParseState *state = nullptr;
  pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
  if (build) {
    pg::IndexScan parameters(pg::relation_oid("workspace_build_parameters"),
                             "workspace_build_parameters_workspace_build_id_name_key", 1);
    const AttrNumber name = parameters.column("name"), value = parameters.column("value");
    parameters.start(*build);
    while (parameters.next()) {
      for (const auto &[token, column] : {std::pair{WJB_KEY, name}, std::pair{WJB_VALUE, value}}) {
        const text *copied = DatumGetTextPCopy(parameters.value(column));
        JsonbValue string{};
        string.type = jbvString;
        string.val.string.val = VARDATA(copied);
        string.val.string.len = static_cast<int>(VARSIZE(copied) - VARHDRSZ);
        pushJsonbValue(&state, token, &string);
      }
    }
    parameters.end();
  }
  return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
}

Description describe(const std::optional<core::Uuid> &organization, const std::optional<core::Uuid> &owner,
                     const std::optional<core::Uuid> &version, const std::optional<core::Uuid> &build) {
  return pg::call([&] {
    Description found;
    std::optional<core::Uuid> of_template;
    if (organization)
      pg::find_row("organizations", "organizations_pkey", *organization,
                   [&](pg::IndexScan &row) { found.organization_name = row.copy("name"); });
    if (owner)
      pg::find_row("users", "users_pkey", *owner,
                   [&](pg::IndexScan &row) { found.owner_name = row.copy("username"); });
    if (version)
      pg::find_row("template_versions", "template_versions_pkey", *version, [&](pg::IndexScan &row) {
        found.version_name = row.copy("name");
        found.definition = row.copy("definition");
        of_template = row.uuid("template_id");
      });
    if (of_template)
      pg::find_row("templates", "templates_pkey", *of_template,
                   [&](pg::IndexScan &row) { found.template_name = row.copy("name"); });
    found.parameters = parameters_of(build);
    return found;
  });
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_describe_job);

// prebuilds.describe_job(organization_id uuid, owner_id uuid, template_version_id uuid, build_id uuid,
//   OUT organization_name text, OUT owner_name text, OUT template_name text, OUT template_version_name text,
//   OUT definition jsonb, OUT parameters jsonb)
PGDLLEXPORT Datum prebuilds_describe_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const auto key = [&](int argument) {
      return PG_ARGISNULL(argument) ? std::nullopt : std::optional(pg::to_uuid(PG_GETARG_DATUM(argument)));
    };
    const Description found = describe(key(0), key(1), key(2), key(3));
    const std::array texts{found.organization_name, found.owner_name, found.template_name, found.version_name,
                           found.definition};
    std::array<Datum, texts.size() + 1> values{};
    std::array<bool, texts.size() + 1> nulls{};
    for (std::size_t i = 0; i < texts.size(); i++) {
      values[i] = texts[i].value_or(Datum{0});
      nulls[i] = !texts[i];
    }
    values.back() = found.parameters;
    return pg::result_row(fcinfo, values, nulls);
  });
}

}  // extern "C"
