// Relations of our schema by their names.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::pg {

// The table or index of this name within schema prebuilds; an error if there is none. Remembered until the
// catalog says otherwise, which it does at the latest when a lock on a table is taken.
Oid relation_oid(std::string_view name);

}  // namespace prebuilds::pg
