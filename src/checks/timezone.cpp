#include "checks/timezone.hpp"

#include <set>

#include "pg/spi.hpp"

namespace prebuilds::checks {

namespace {

constinit pg::Statement zone_names(R"sql(
  SELECT z.name FROM pg_catalog.pg_timezone_names AS z
)sql");

// The view opens every file of the zone database: some 20 ms, once.
const std::set<std::string, std::less<>> &names() {
  static std::set<std::string, std::less<>> known;
  if (known.empty()) {
    const pg::SpiSession session;
    std::set<std::string, std::less<>> read;
    zone_names.read().each([&](pg::Row &row) { read.insert(row.text()); });
    known = std::move(read);
  }
  return known;
}

}  // namespace

bool is_timezone_name(std::string_view name) { return names().contains(name); }

std::optional<core::CivilTime> civil_time(core::Instant instant, const std::string &zone) {
  if (instant == core::Instant::min() || instant == core::Instant::max() || !is_timezone_name(zone))
    return std::nullopt;

  const pg_time_t seconds = std::chrono::floor<std::chrono::seconds>(instant).time_since_epoch().count();
  const pg_tm *local = pg::call([&]() -> const pg_tm * {
    pg_tz *loaded = pg_tzset(zone.c_str());
    return loaded != nullptr ? pg_localtime(&seconds, loaded) : nullptr;
  });
  if (local == nullptr) return std::nullopt;
  return core::CivilTime{.year = local->tm_year + 1900,
                         .month = local->tm_mon + 1,
                         .day = local->tm_mday,
                         .hour = local->tm_hour,
                         .weekday = local->tm_wday};
}

}  // namespace prebuilds::checks
