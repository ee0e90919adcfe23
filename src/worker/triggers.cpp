// Triggers that wake the worker when somebody changes what a pool should be like.
#include "pg/trigger.hpp"
#include "worker/wakeup.hpp"

using namespace prebuilds;

extern "C" {

PG_FUNCTION_INFO_V1(prebuilds_note_changed);
PG_FUNCTION_INFO_V1(prebuilds_note_changed_preset);
PG_FUNCTION_INFO_V1(prebuilds_note_changed_settings);

// prebuilds.note_changed(preset_id uuid) returns void
PGDLLEXPORT Datum prebuilds_note_changed(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    worker::note_changed(pg::to_uuid(PG_GETARG_DATUM(0)));
    return Datum{0};
  });
}

// AFTER … FOR EACH ROW; argument: the column with the preset's id
PGDLLEXPORT Datum prebuilds_note_changed_preset(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    TriggerData *trigger = pg::trigger_data(fcinfo);
    TupleTableSlot *row =
        TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newslot : trigger->tg_trigslot;
    worker::note_changed(pg::uuid_column(trigger, row, trigger->tg_trigger->tgargs[0]));
    return PointerGetDatum(nullptr);
  });
}

// AFTER … FOR EACH STATEMENT
PGDLLEXPORT Datum prebuilds_note_changed_settings(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    pg::trigger_data(fcinfo);
    worker::note_everything();
    return PointerGetDatum(nullptr);
  });
}

}  // extern "C"
