// The oldest eligible prebuild of a preset becomes somebody's workspace.
#include <limits>

#include "builds/new_build.hpp"
#include "checks/templates.hpp"
#include "claims/oldest_prebuild.hpp"
#include "claims/terms.hpp"
#include "core/expiry.hpp"
#include "metrics/prebuild_events.hpp"
#include "pg/arguments.hpp"
#include "pg/gucs.hpp"
#include "pg/result_set.hpp"

using namespace prebuilds;

namespace {

constinit pg::Statement update_workspace(R"sql(
  UPDATE prebuilds.workspaces
     SET owner_id = $2, name = $3, updated_at = $4, last_used_at = $4, autostart_schedule = $5, next_start_at = $6,
         ttl = $7, dormant_at = NULL, deleting_at = NULL
   WHERE id OPERATOR(pg_catalog.=) $1
)sql",
                                         UUIDOID, UUIDOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID,
                                         INT8OID);

constinit pg::Statement refuse_unknown("SELECT prebuilds.refuse_unknown($1, $2)", TEXTOID, UUIDOID);
constinit pg::Statement refuse_taken_name("SELECT prebuilds.refuse_taken_name($1, $2)", UUIDOID, TEXTOID);

struct Claim {
  core::Uuid preset_id;
  core::Uuid owner_id;
  Datum name = 0;  // text
  pg::Param autostart_schedule, next_start_at;
  std::optional<std::int64_t> ttl;
  bool build = true;
  pg::Param parameters;
  pg::Timestamp now;
};

struct Choice {
  claims::Terms terms;
  std::optional<claims::LockedPrebuild> prebuild;
};

claims::Terms terms_of(const Claim &claim, const std::optional<claims::LockedPrebuild> &prebuild) {
  const auto terms = claims::find_terms(claim.preset_id, claim.owner_id, claim.name,
                                        prebuild ? std::optional(prebuild->id) : std::nullopt);
  if (!terms) refuse_unknown.read({"preset", claim.preset_id});  // it raises, as those below do
  if (!terms.value().owner_exists) refuse_unknown.read({"user", claim.owner_id});
  if (!pg::guc::enabled)
    throw pg::SqlError(ERRCODE_FEATURE_NOT_SUPPORTED, "prebuilds are disabled", {},
                       "Set prebuilds.enabled to on, or call prebuilds_create_workspace().");
  return terms.value();
}

Choice choose(const Claim &claim) {
  core::Instant oldest = core::Instant::min();
  std::vector<core::Uuid> passed_over;
  for (;;) {
    // First the lock, then the look: no deletion or promotion of the template can go unseen any more.
    const auto prebuild = claims::lock_oldest_prebuild({claim.preset_id, oldest, passed_over});
    const claims::Terms terms = terms_of(claim, prebuild);
    const bool active = terms.active && !checks::deleted_meanwhile(terms.template_id);
    if (!prebuild || !active) return {terms, std::nullopt};
    oldest = core::oldest_unexpired(terms.prebuild_ttl, terms.last_invalidated_at,
                                    pg::to_instant(claim.now.value));
    if (prebuild->created_at >= oldest && !terms.at_work) return {terms, prebuild};
    passed_over.push_back(prebuild->id);
  }
}

// In nanoseconds; none: the workspace never stops by itself.
std::optional<std::int64_t> ttl_of(const Claim &claim, const claims::Terms &terms) {
  const std::int64_t ttl = claim.ttl.value_or(terms.default_ttl);
  return ttl == 0 ? std::nullopt : std::optional(ttl);
}

int next_number(const claims::LockedPrebuild &prebuild) {
  if (prebuild.build_number == std::numeric_limits<int>::max())
    throw pg::SqlError(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
                       "build number " + std::to_string(prebuild.build_number) + " is the last there can be");
  return prebuild.build_number + 1;
}

struct Claimed {
  std::optional<core::Uuid> workspace_id, job_id;
};

Claimed hand_out(const Claim &claim) {
  const pg::SpiSession session;
  const auto [terms, prebuild] = choose(claim);
  if (!prebuild) {
    if (terms.has_pool) metrics::record_event(claim.preset_id, "claim_missed", claim.now);
    return {};
  }
  if (terms.name_taken) refuse_taken_name.read({claim.owner_id, pg::AsIs{claim.name}});

  update_workspace.run_at_isolation_level({prebuild->id, claim.owner_id, pg::AsIs{claim.name}, claim.now,
                                           claim.autostart_schedule, claim.next_start_at,
                                           ttl_of(claim, terms)});
  std::optional<core::Uuid> job;
  if (claim.build)
    job = builds::insert({.workspace_id = prebuild->id,
                          .organization_id = terms.organization_id,
                          .owner_id = claim.owner_id,
                          .template_version_id = terms.template_version_id,
                          .provisioner = terms.provisioner,
                          .tags = terms.tags,
                          .build_number = next_number(*prebuild),
                          .transition = "start",
                          .initiator_id = claim.owner_id,
                          .preset_id = claim.preset_id,
                          .stage = "claim",
                          .previous_build_id = prebuild->build_id,
                          .parameters = claim.parameters,
                          .now = claim.now});
  metrics::record_event(claim.preset_id, "claim_succeeded", claim.now);
  return {prebuild->id, job};
}

}  // namespace

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_claim);

// prebuilds.claim(preset_id uuid, owner_id uuid, name text, autostart_schedule text,
//   next_start_at timestamptz, ttl bigint, build boolean, parameters jsonb, now timestamptz)
//   returns (workspace_id uuid, job_id uuid)
PGDLLEXPORT Datum prebuilds_claim(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const pg::Arguments given(fcinfo);
    const auto [workspace, job] = hand_out({.preset_id = given.uuid(0),
                                            .owner_id = given.uuid(1),
                                            .name = given[2],
                                            .autostart_schedule = given.optional(3),
                                            .next_start_at = given.optional(4),
                                            .ttl = given.optional_bigint(5),
                                            .build = DatumGetBool(given[6]),
                                            .parameters = given.optional(7),
                                            .now = given.timestamp(8)});
    return pg::result_row(fcinfo, std::array<pg::Param, 2>{workspace, job});
  });
}

}  // extern "C"
