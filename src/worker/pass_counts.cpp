#include "worker/pass_counts.hpp"

#include "pg/result_set.hpp"
#include "worker/shmem.hpp"

using namespace prebuilds;
using reconciler::PassOutcome;

void worker::count_pass(PassOutcome outcome) {
  if (!available()) return;
  with_shared([&](Shared &shared) {
    if (Slot *slot = find_slot(shared, MyDatabaseId); slot != nullptr)
      slot->passes[static_cast<std::size_t>(outcome)]++;
  });
}

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_pass_counts);

// prebuilds.pass_counts() returns setof record
PGDLLEXPORT Datum prebuilds_pass_counts(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::ResultSet result(fcinfo);
    worker::Slot slot{};
    if (worker::available()) {
      worker::with_shared([&](worker::Shared &shared) {
        if (const worker::Slot *mine = worker::find_slot(shared, MyDatabaseId); mine != nullptr) slot = *mine;
      });
    }
    if (!OidIsValid(slot.database)) return Datum{0};
    for (std::size_t i = 0; i < slot.passes.size(); i++)
      result.add({reconciler::pass_outcome_names[i], slot.passes[i]});
    return Datum{0};
  });
}

}  // extern "C"
