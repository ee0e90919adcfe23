// Time zones as PostgreSQL knows them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/preset.hpp"
#include "core/time.hpp"

namespace prebuilds::checks {

// Exactly the names of pg_timezone_names, in their spelling: an abbreviation, an offset or a POSIX string
// such as "Europe/Berln1", which PostgreSQL would take for a zone, is none. The names are read once per
// process.
bool is_timezone_name(std::string_view name);

// What a clock on the wall shows at that instant; none if the zone is not a timezone name, or the instant is
// infinite.
std::optional<core::CivilTime> civil_time(core::Instant instant, const std::string &zone);

// When that clock next shows another hour, and what it shows then; none likewise.
std::optional<core::NextHour> next_hour(core::Instant instant, const std::string &zone);

}  // namespace prebuilds::checks
