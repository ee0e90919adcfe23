#include "queue/daemon.hpp"

#include "pg/index_scan.hpp"
#include "queue/tags.hpp"

namespace prebuilds::queue {

namespace {

// How often a daemon's row is written to say that it is alive.
constexpr std::chrono::seconds sign_of_life_interval{10};

constinit pg::Statement note_sign_of_life("SELECT prebuilds.note_sign_of_life($1, $2)", UUIDOID,
                                          TIMESTAMPTZOID);

void note(const pg::Param &id, core::Instant now) {
  const pg::SpiSession session;
  note_sign_of_life.run_at_isolation_level({id, now});
}

// Whether the role that calls has registered the daemon. Only inside of call().
bool is_callers(pg::IndexScan &daemon) {
  const AttrNumber owner_role = daemon.column("owner_role");
  return !daemon.is_null(owner_role) && strcmp(NameStr(*DatumGetName(daemon.value(owner_role))),
                                               GetUserNameFromId(GetOuterUserId(), /* noerr = */ false)) == 0;
}

bool was_seen(pg::IndexScan &daemon, core::Instant now) {
  const AttrNumber last_seen_at = daemon.column("last_seen_at");
  return !daemon.is_null(last_seen_at) && pg::to_instant(DatumGetTimestampTz(daemon.value(last_seen_at))) >=
                                              core::earlier(now, sign_of_life_interval);
}

// The daemon, if accept(row).
template <class F>
std::optional<Daemon> find(const core::Uuid &id, F accept) {
  return pg::call([&] {
    std::optional<Daemon> found;
    pg::push_statement_snapshot();
    pg::find_row("provisioner_daemons", "provisioner_daemons_pkey", id, [&](pg::IndexScan &daemon) {
      if (accept(daemon))
        found = Daemon{.id = id,
                       .organization_id = daemon.uuid("organization_id"),
                       .provisioners = daemon.copy("provisioners")->value,
                       .tags = daemon.copy("tags")->value};
    });
    PopActiveSnapshot();
    return found;
  });
}

// One that is the caller's and needs no new sign of life.
std::optional<Daemon> find_present(const core::Uuid &id, core::Instant now) {
  return find(id, [&](pg::IndexScan &daemon) { return is_callers(daemon) && was_seen(daemon, now); });
}

// Only inside of call().
bool provides(Datum provisioners, Datum wanted) {
  Datum *types = nullptr;
  bool *nulls = nullptr;
  int count = 0;
  deconstruct_array(DatumGetArrayTypeP(provisioners), TEXTOID, -1, false, TYPALIGN_INT, &types, &nulls,
                    &count);
  for (int i = 0; i < count; i++)
    if (!nulls[i] && DatumGetBool(DirectFunctionCall2Coll(texteq, DEFAULT_COLLATION_OID, types[i], wanted)))
      return true;
  return false;
}

// f(queue_key) for each queue of an organization for these provisioners whose tags, and owner, the daemon's
// contain; of one without tags of its own the queues without any, and no others. Only inside of call().
template <class F>
void each_queue(const Daemon &daemon, F f) {
  pg::IndexScan queues("job_queues", "job_queues_organization_id_idx", 3);
  ScanKeyData keys[3];
  keys[0] = pg::uuid_key(1, daemon.organization_id);
  keys[1] = pg::text_key(2, DirectFunctionCall2(jsonb_object_field_text, daemon.tags,
                                                PointerGetDatum(cstring_to_text("owner"))));
  ScanKeyInit(&keys[2], 3, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(are_usual(daemon.tags)));
  const AttrNumber provisioner = queues.column("provisioner"), tags = queues.column("tags"),
                   queue_key = queues.column("queue_key");
  queues.start(keys);
  while (queues.next()) {
    if (provides(daemon.provisioners, queues.value(provisioner)) &&
        DatumGetBool(DirectFunctionCall2(jsonb_contained, queues.value(tags), daemon.tags)))
      f(DatumGetInt64(queues.value(queue_key)));
  }
  queues.end();
}

}  // namespace

Daemon sign_of_life(const pg::Param &id, core::Instant now) {
  std::optional<Daemon> found;
  if (!id.null) found = find_present(pg::to_uuid(id.value), now);
  // More than once only if somebody has deleted it since: then there is none to note it for.
  while (!found) {
    note(id, now);
    found = find(pg::to_uuid(id.value), [](pg::IndexScan &) { return true; });
  }
  return *found;
}

std::vector<std::int64_t> queues_of(const Daemon &daemon) {
  std::vector<std::int64_t> keys;
  pg::call([&] {
    pg::push_statement_snapshot();
    each_queue(daemon, [&](std::int64_t key) { keys.push_back(key); });
    PopActiveSnapshot();
  });
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

bool may_take(const Daemon &daemon, const core::Uuid &organization_id, Datum provisioner, Datum tags) {
  return organization_id == daemon.organization_id &&
         pg::call([&] { return provides(daemon.provisioners, provisioner) && serve(daemon.tags, tags); });
}

}  // namespace prebuilds::queue

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_is_present_daemon);

// prebuilds.is_present_daemon(daemon_id uuid, now timestamptz) returns boolean
PGDLLEXPORT Datum prebuilds_is_present_daemon(PG_FUNCTION_ARGS) {
  return prebuilds::pg::entry([&] {
    const prebuilds::core::Uuid id = prebuilds::pg::to_uuid(PG_GETARG_DATUM(0));
    const prebuilds::core::Instant now = prebuilds::pg::to_instant(PG_GETARG_TIMESTAMPTZ(1));
    return BoolGetDatum(prebuilds::queue::find_present(id, now).has_value());
  });
}

}  // extern "C"
