// Who a daemon is, and what it is told of a job besides its rows: look-ups by key, which as statements take
// twice as long.
#include "pg/arguments.hpp"
#include "pg/index_scan.hpp"
#include "pg/jsonb.hpp"
#include "pg/result_set.hpp"

using namespace prebuilds;

namespace {

// How often a daemon's row is written to say that it is alive.
constexpr std::chrono::seconds sign_of_life_interval{10};

struct Description {
  std::optional<Datum> organization_name, owner_name, template_name, version_name, definition;
  Datum parameters = 0;
};

std::string_view copy_text(Datum value) {
  const text *copied = DatumGetTextPCopy(value);
  return {VARDATA(copied), VARSIZE(copied) - VARHDRSZ};
}

// {"name": "value"}. Only inside of call().
Datum parameters_of(const std::optional<core::Uuid> &build) {
  pg::JsonbBuilder json;
  json.begin_object();
  if (build) {
    pg::IndexScan parameters("workspace_build_parameters",
                             "workspace_build_parameters_workspace_build_id_name_key");
    const AttrNumber name = parameters.column("name"), value = parameters.column("value");
    parameters.start(*build);
    while (parameters.next()) json.add(copy_text(parameters.value(name)), copy_text(parameters.value(value)));
    parameters.end();
  }
  json.end_object();
  return json.result();
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

// Whether the role that calls has registered the daemon. Only inside of call().
bool is_callers(pg::IndexScan &daemon) {
  const AttrNumber owner_role = daemon.column("owner_role");
  return !daemon.is_null(owner_role) && strcmp(NameStr(*DatumGetName(daemon.value(owner_role))),
                                               GetUserNameFromId(GetOuterUserId(), /* noerr = */ false)) == 0;
}

bool is_present(pg::IndexScan &daemon, core::Instant now) {
  const AttrNumber last_seen_at = daemon.column("last_seen_at");
  return !daemon.is_null(last_seen_at) && pg::to_instant(DatumGetTimestampTz(daemon.value(last_seen_at))) >=
                                              core::earlier(now, sign_of_life_interval);
}

struct Daemon {
  Datum organization_id;
  std::span<const std::string> provisioners;
  Datum tags;
  bool untagged;
};

// f(queue_key) for each queue that a daemon may take jobs of. Only inside of call().
template <class F>
void each_queue(const Daemon &daemon, F f) {
  pg::IndexScan queues("job_queues", "job_queues_organization_id_idx", 3);
  ScanKeyData keys[3];
  ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_UUID_EQ, daemon.organization_id);
  keys[1] = pg::text_key(2, DirectFunctionCall2(jsonb_object_field_text, daemon.tags,
                                                PointerGetDatum(cstring_to_text("owner"))));
  ScanKeyInit(&keys[2], 3, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(daemon.untagged));
  const AttrNumber provisioner = queues.column("provisioner"), tags = queues.column("tags"),
                   queue_key = queues.column("queue_key");
  queues.start(keys);
  while (queues.next()) {
    const text *of_queue = DatumGetTextPP(queues.value(provisioner));
    const std::string_view wanted(VARDATA_ANY(of_queue), VARSIZE_ANY_EXHDR(of_queue));
    if (std::find(daemon.provisioners.begin(), daemon.provisioners.end(), wanted) !=
            daemon.provisioners.end() &&
        DatumGetBool(DirectFunctionCall2(jsonb_contained, queues.value(tags), daemon.tags)))
      f(DatumGetInt64(queues.value(queue_key)));
  }
  queues.end();
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_find_present_daemon);
PG_FUNCTION_INFO_V1(prebuilds_find_queues);
PG_FUNCTION_INFO_V1(prebuilds_describe_job);

// prebuilds.find_present_daemon(daemon_id uuid, now timestamptz) returns prebuilds.provisioner_daemons
PGDLLEXPORT Datum prebuilds_find_present_daemon(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const core::Uuid id = pg::to_uuid(PG_GETARG_DATUM(0));
    const core::Instant now = pg::to_instant(PG_GETARG_TIMESTAMPTZ(1));
    const std::optional<Datum> daemon = pg::call([&] {
      std::optional<Datum> found;
      pg::find_row("provisioner_daemons", "provisioner_daemons_pkey", id, [&](pg::IndexScan &row) {
        if (is_callers(row) && is_present(row, now)) found = row.copy();
      });
      return found;
    });
    fcinfo->isnull = !daemon;
    return daemon.value_or(Datum{0});
  });
}

// prebuilds.find_queues(organization_id uuid, provisioners text[], tags jsonb, untagged boolean) returns
// bigint[]
PGDLLEXPORT Datum prebuilds_find_queues(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const std::vector<std::string> provisioners = pg::to_strings(PG_GETARG_DATUM(1));
    const Daemon daemon{PG_GETARG_DATUM(0), provisioners, PG_GETARG_DATUM(2), PG_GETARG_BOOL(3)};
    std::vector<std::int64_t> queues;
    pg::call([&] { each_queue(daemon, [&](std::int64_t key) { queues.push_back(key); }); });
    return pg::to_array(std::span<const std::int64_t>(queues));
  });
}

// prebuilds.describe_job(organization_id uuid, owner_id uuid, template_version_id uuid, build_id uuid,
//   OUT organization_name text, OUT owner_name text, OUT template_name text, OUT template_version_name text,
//   OUT definition jsonb, OUT parameters jsonb)
PGDLLEXPORT Datum prebuilds_describe_job(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const pg::Arguments given(fcinfo);
    const Description found = describe(given.optional_uuid(0), given.optional_uuid(1), given.optional_uuid(2),
                                       given.optional_uuid(3));
    const auto as_is = [](const std::optional<Datum> &value) {
      return value ? pg::Param(pg::AsIs{*value}) : pg::Param();
    };
    return pg::result_row(fcinfo, std::array{as_is(found.organization_name), as_is(found.owner_name),
                                             as_is(found.template_name), as_is(found.version_name),
                                             as_is(found.definition), pg::Param(pg::AsIs{found.parameters})});
  });
}

}  // extern "C"
