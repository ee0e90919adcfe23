// Values across the boundary, always by copy: core's types on one side, Datums on the other.
#pragma once

#include "core/time.hpp"
#include "core/uuid.hpp"
#include "pg/boundary.hpp"

namespace prebuilds::pg {

inline constexpr std::int64_t postgres_epoch_us = 946'684'800'000'000;  // 2000-01-01 in Unix microseconds

// PostgreSQL's infinities are core's first and last instant; what lies beyond the other side's range is cut
// off.
inline core::Instant to_instant(TimestampTz t) {
  if (TIMESTAMP_IS_NOBEGIN(t)) return core::Instant::min();
  return core::later(core::Instant{core::Duration{t}}, core::Duration{postgres_epoch_us});
}
inline TimestampTz to_timestamptz(core::Instant t) {
  if (t == core::Instant::max()) return DT_NOEND;
  const std::int64_t us = t.time_since_epoch().count();
  return us < MIN_TIMESTAMP + postgres_epoch_us ? DT_NOBEGIN : us - postgres_epoch_us;
}

// An instant that is only passed on, exact to the ends of PostgreSQL's range.
struct Timestamp {
  TimestampTz value = 0;

  bool operator==(const Timestamp &) const = default;
};

inline core::Uuid to_uuid(Datum datum) {
  core::Uuid uuid;
  std::memcpy(uuid.bytes.data(), DatumGetUUIDP(datum)->data, UUID_LEN);
  return uuid;
}

std::string to_text(const core::Uuid &uuid);

// In palloc'd memory of the current context.
inline Datum to_datum(const core::Uuid &uuid) {
  auto *copied = call([] { return static_cast<pg_uuid_t *>(palloc(sizeof(pg_uuid_t))); });
  std::memcpy(copied->data, uuid.bytes.data(), UUID_LEN);
  return UUIDPGetDatum(copied);
}
inline Datum to_datum(core::Instant t) { return TimestampTzGetDatum(to_timestamptz(t)); }
inline Datum to_datum(core::Duration duration) {
  auto *interval = call([] { return static_cast<Interval *>(palloc0(sizeof(Interval))); });
  interval->time = duration.count();
  return IntervalPGetDatum(interval);
}
// As a numeric, in seconds.
inline Datum to_datum_of_seconds(core::Duration duration) {
  constexpr int micro = 6;
  return call([&] { return NumericGetDatum(int64_div_fast_to_numeric(duration.count(), micro)); });
}
inline Datum to_datum(std::string_view text) {
  return PointerGetDatum(
      call([&] { return cstring_to_text_with_len(text.data(), static_cast<int>(text.size())); }));
}

// Detoasts.
inline std::string to_string(Datum text_datum) {
  text *detoasted = call([&] { return DatumGetTextPP(text_datum); });
  return {VARDATA_ANY(detoasted), static_cast<std::size_t>(VARSIZE_ANY_EXHDR(detoasted))};
}

// The same into a string that lives outside of call(), in which this may stand.
inline void assign(std::string &string, Datum text_datum) {
  const text *detoasted = DatumGetTextPP(text_datum);
  string.assign(VARDATA_ANY(detoasted), VARSIZE_ANY_EXHDR(detoasted));
}

// Only inside of call().
inline bool equals(Datum text_datum, std::string_view other) {
  const text *detoasted = DatumGetTextPP(text_datum);
  return std::string_view(VARDATA_ANY(detoasted), VARSIZE_ANY_EXHDR(detoasted)) == other;
}

// Without detoasting.
inline bool is_empty(Datum text_datum) { return VARSIZE_ANY_EXHDR(DatumGetPointer(text_datum)) == 0; }

// Less than, equal to or greater than 0, as ORDER BY compares in the database's collation. Only inside of
// call().
inline int compare(std::string_view a, std::string_view b) {
  return varstr_cmp(a.data(), static_cast<int>(a.size()), b.data(), static_cast<int>(b.size()),
                    DEFAULT_COLLATION_OID);
}
inline int compare(Datum text_datum, Datum other) {
  return DatumGetInt32(DirectFunctionCall2Coll(bttextcmp, DEFAULT_COLLATION_OID, text_datum, other));
}

std::vector<core::Uuid> to_uuids(Datum array);
std::vector<std::string> to_strings(Datum array);
std::vector<int> to_ints(Datum array);

Datum to_array(std::span<const core::Uuid> values);
Datum to_array(std::span<const std::string> values);
Datum to_array(std::span<const int> values);
Datum to_array(std::span<const std::int64_t> values);
Datum to_array(std::span<const Timestamp> values);

// The column of this name; an error if there is none. Faster than a look-up in the catalog.
inline AttrNumber column_number(TupleDesc row, const char *name) {
  for (int i = 0; i < row->natts; i++) {
    const Form_pg_attribute column = TupleDescAttr(row, i);
    const char *found = NameStr(column->attname);
    if (*found == *name && strcmp(found, name) == 0 && !column->attisdropped) return column->attnum;
  }
  throw SqlError(ERRCODE_UNDEFINED_COLUMN, std::string("column \"") + name + "\" does not exist");
}

// The value of an enum type with this label; invalid if there is none. Only inside of call().
inline Oid enum_value(Oid type, const char *label) {
  return GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid, ObjectIdGetDatum(type), CStringGetDatum(label));
}

// The label of a value of an enum type, in palloc'd memory. Only inside of call().
inline const char *enum_label(Oid value) {
  return DatumGetCString(DirectFunctionCall1(enum_out, ObjectIdGetDatum(value)));
}

// The same outside of call().
inline std::string_view to_label(Oid value) {
  return call([&] { return enum_label(value); });
}

// From PostgreSQL's strong source.
void fill_random(std::span<std::uint8_t> bytes);

// A time-ordered id (UUID version 7): milliseconds, then the rest of the microsecond, then random bits.
core::Uuid make_uuid_v7(core::Instant now);

}  // namespace prebuilds::pg
