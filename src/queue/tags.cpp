#include "queue/tags.hpp"

#include "pg/spi.hpp"

namespace prebuilds::queue {

namespace {

constinit pg::Statement normalize("SELECT prebuilds.normalized_tags($1)::pg_catalog.text", JSONBOID);

std::string normalized_text(Datum tags) {
  const pg::SpiSession session;
  return normalize.read({pg::AsIs{tags}}).first([](pg::Row &row) { return row.text(); });
}

Datum to_jsonb(const char *json) { return DirectFunctionCall1(jsonb_in, CStringGetDatum(json)); }

bool equal(Datum a, Datum b) { return DatumGetBool(DirectFunctionCall2(jsonb_eq, a, b)); }

// Those that are stored where nobody has chosen any.
Datum usual() {
  static constinit Datum tags = 0;
  if (tags == 0) {
    const MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
    tags = to_jsonb(R"({"scope": "organization", "owner": ""})");
    MemoryContextSwitchTo(caller);
  }
  return tags;
}

}  // namespace

bool are_usual(Datum tags) { return equal(tags, usual()); }

Datum normalized(Datum tags) {
  if (pg::call([&] { return are_usual(tags); })) return tags;
  const std::string json = normalized_text(tags);
  return pg::call([&] { return to_jsonb(json.c_str()); });
}

bool serve(Datum daemon_tags, Datum job_tags) {
  return are_usual(job_tags) ? equal(daemon_tags, job_tags)
                             : DatumGetBool(DirectFunctionCall2(jsonb_contained, job_tags, daemon_tags));
}

}  // namespace prebuilds::queue
