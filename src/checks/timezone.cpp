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

namespace {

// PostgreSQL keeps one such value for all callers: it is read before the next call.
const pg_tm *local_time(core::Instant instant, const std::string &zone) {
  if (instant == core::Instant::min() || instant == core::Instant::max() || !is_timezone_name(zone))
    return nullptr;
  const pg_time_t seconds = std::chrono::floor<std::chrono::seconds>(instant).time_since_epoch().count();
  return pg::call([&]() -> const pg_tm * {
    pg_tz *loaded = pg_tzset(zone.c_str());
    return loaded != nullptr ? pg_localtime(&seconds, loaded) : nullptr;
  });
}

}  // namespace

std::optional<core::CivilTime> civil_time(core::Instant instant, const std::string &zone) {
  const pg_tm *local = local_time(instant, zone);
  if (local == nullptr) return std::nullopt;
  return core::CivilTime{.year = local->tm_year + 1900,
                         .month = local->tm_mon + 1,
                         .day = local->tm_mday,
                         .hour = local->tm_hour,
                         .weekday = local->tm_wday};
}

std::optional<core::NextHour> next_hour(core::Instant instant, const std::string &zone) {
  const pg_tm *local = local_time(instant, zone);
  if (local == nullptr) return std::nullopt;
  const std::chrono::seconds left =
      std::chrono::hours(1) - std::chrono::minutes(local->tm_min) - std::chrono::seconds(local->tm_sec);
  const core::Instant begins = core::later(std::chrono::floor<std::chrono::seconds>(instant), left);
  const auto civil = civil_time(begins, zone);
  if (!civil) return std::nullopt;
  return core::NextHour{.begins = begins, .civil = *civil};
}

}  // namespace prebuilds::checks
