#include "worker/session.hpp"

#include "pg/boundary.hpp"

namespace prebuilds::worker {

namespace {

void set_override(const char *name, const char *value) {
  pg::call([&] {
    if (GetConfigOption(name, /* missing_ok = */ true, /* restrict_privileged = */ false) != nullptr)
      SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
  });
}

}  // namespace

void override_session_settings(const char *application_name) {
  set_override("application_name", application_name);
  set_override("default_transaction_read_only", "off");
  set_override("default_transaction_isolation", "read committed");
  set_override("default_transaction_deferrable", "off");
  set_override("session_replication_role", "origin");
  set_override("row_security", "on");
  set_override("search_path", "pg_catalog, pg_temp");
  set_override("datestyle", "ISO");  // the progress of housekeeping is kept as text
  set_override("jit", "off");
  // What a crash takes away the next pass finds missing; nobody waits for the disk meanwhile. A provisioner's
  // commit flushes what it acquired.
  set_override("synchronous_commit", "off");
  set_override("statement_timeout", "0");
  set_override("transaction_timeout", "0");
  set_override("idle_in_transaction_session_timeout", "0");
  set_override("idle_session_timeout", "0");
  // A pass waits for no row, but may meet a table that someone has locked.
  set_override("lock_timeout", "10s");
}

}  // namespace prebuilds::worker
