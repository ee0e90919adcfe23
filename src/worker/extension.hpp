// Whether this database has the extension, as the worker's current transaction sees it.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::worker {

inline constexpr const char *extension_name = "pg_prebuilds";

enum class Presence {
  here,  // and locked against being dropped or updated until the transaction ends
  gone,
  unknown_version,  // of a version that this library does not know
  busy,             // someone is dropping or updating it
};

// Needs a transaction; takes no snapshot that the transaction keeps, and waits for nothing.
Presence lock_extension();

// Its oid in this database; InvalidOid: it is not here.
Oid extension_oid();

// Lets no pass begin in this database until the transaction ends; waits for one that runs.
void lock_extension_exclusively();

}  // namespace prebuilds::worker
