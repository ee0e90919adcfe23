#include "builds/new_build.hpp"

#include "pg/arguments.hpp"

namespace prebuilds::builds {

namespace {

constinit pg::Statement insert_job(R"sql(
  INSERT INTO prebuilds.provisioner_jobs
         (id, created_at, updated_at, organization_id, initiator_id, provisioner, input, tags)
  VALUES ($1, $2, $2, $3, $4, $5,
          pg_catalog.jsonb_build_object('workspace_build_id', $6, 'prebuilt_workspace_stage', $7),
          prebuilds.normalized_tags($8, $9::pg_catalog.text))
)sql",
                                   UUIDOID, TIMESTAMPTZOID, UUIDOID, UUIDOID, TEXTOID, UUIDOID, TEXTOID,
                                   JSONBOID, UUIDOID);

constinit pg::Statement insert_build(R"sql(
  INSERT INTO prebuilds.workspace_builds
         (id, created_at, updated_at, workspace_id, template_version_id, build_number, transition, initiator_id, job_id,
          template_version_preset_id, provisioner_state)
  VALUES ($1, $2, $2, $3, $4, $5, $6::prebuilds.workspace_transition, $7, $8, $9,
          (SELECT provisioner_state FROM prebuilds.workspace_builds WHERE id OPERATOR(pg_catalog.=) $10))
)sql",
                                     UUIDOID, TIMESTAMPTZOID, UUIDOID, UUIDOID, INT4OID, TEXTOID, UUIDOID,
                                     UUIDOID, UUIDOID, UUIDOID);

constinit pg::Statement insert_parameters(R"sql(
  INSERT INTO prebuilds.workspace_build_parameters (id, created_at, updated_at, workspace_build_id, name, value)
  SELECT prebuilds.uuid_v7($2), $2, $2, $1, key, value
    FROM pg_catalog.jsonb_each_text($3)
)sql",
                                          UUIDOID, TIMESTAMPTZOID, JSONBOID);

constinit pg::Statement copy_parameters(R"sql(
  INSERT INTO prebuilds.workspace_build_parameters (id, created_at, updated_at, workspace_build_id, name, value)
  SELECT prebuilds.uuid_v7($2), $2, $2, $1, name, value
    FROM prebuilds.workspace_build_parameters
   WHERE workspace_build_id OPERATOR(pg_catalog.=) $3
)sql",
                                        UUIDOID, TIMESTAMPTZOID, UUIDOID);

}  // namespace

core::Uuid insert(const NewBuild &build) {
  const core::Instant now = pg::to_instant(build.now.value);
  const core::Uuid job = pg::make_uuid_v7(now), id = pg::make_uuid_v7(now);
  insert_job.run_at_isolation_level({job, build.now, build.organization_id, build.initiator_id,
                                     pg::AsIs{build.provisioner}, id, build.stage, pg::AsIs{build.tags},
                                     build.owner_id});
  insert_build.run_at_isolation_level({id, build.now, build.workspace_id, build.template_version_id,
                                       build.build_number, build.transition, build.initiator_id, job,
                                       build.preset_id, build.previous_build_id});
  if (build.parameters.null) {
    copy_parameters.run_at_isolation_level({id, build.now, build.previous_build_id});
  } else {
    insert_parameters.run_at_isolation_level({id, build.now, build.parameters});
  }
  return job;
}

}  // namespace prebuilds::builds

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_insert_build);

// prebuilds.insert_build(workspace_id uuid, organization_id uuid, owner_id uuid, template_version_id uuid,
//   provisioner text, tags jsonb, build_number integer, transition text, initiator_id uuid, preset_id uuid,
//   stage text, previous_build_id uuid, parameters jsonb, now timestamptz) returns uuid
PGDLLEXPORT Datum prebuilds_insert_build(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const pg::Arguments given(fcinfo);
    const std::string transition = pg::to_string(given[7]), stage = pg::to_string(given[10]);
    core::Uuid job;
    {
      const pg::SpiSession session;
      job = builds::insert({.workspace_id = given.uuid(0),
                            .organization_id = given.uuid(1),
                            .owner_id = given.uuid(2),
                            .template_version_id = given.uuid(3),
                            .provisioner = given[4],
                            .tags = given[5],
                            .build_number = DatumGetInt32(given[6]),
                            .transition = transition,
                            .initiator_id = given.uuid(8),
                            .preset_id = given.optional_uuid(9),
                            .stage = stage,
                            .previous_build_id = given.optional_uuid(11),
                            .parameters = given.optional(12),
                            .now = given.timestamp(13)});
    }
    return pg::to_datum(job);
  });
}

}  // extern "C"
