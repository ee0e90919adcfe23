#include "pg/datum.hpp"

namespace prebuilds::pg {

namespace {

struct Elements {
  Datum *values;
  int count;
};

// Elements of a one-dimensional array without NULLs (our statements produce no others).
Elements deconstruct(Datum array, Oid type, int length, bool by_value, char alignment) {
  return call([&] {
    Elements elements{};
    bool *nulls = nullptr;
    ArrayType *detoasted = DatumGetArrayTypeP(array);
    deconstruct_array(detoasted, type, length, by_value, alignment, &elements.values, &nulls,
                      &elements.count);
    for (int i = 0; i < elements.count; i++) {
      if (nulls[i])
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
    }
    return elements;
  });
}

// A palloc'd array of n values, each converted by convert(i).
template <class Convert>
Datum construct(std::size_t n, Oid type, int length, bool by_value, char alignment, Convert convert) {
  auto *elements = call([&] {
    return static_cast<Datum *>(MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Datum) * (n + 1)));
  });
  for (std::size_t i = 0; i < n; i++) elements[i] = convert(i);
  return call([&] {
    return PointerGetDatum(construct_array(elements, static_cast<int>(n), type, length, by_value, alignment));
  });
}

// The bytes stay where they are: the array is made of copies.
Datum pointer_to(const core::Uuid &uuid) { return PointerGetDatum(uuid.bytes.data()); }

}  // namespace

std::string to_text(const core::Uuid &uuid) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < uuid.bytes.size(); i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += hex[uuid.bytes[i] >> 4];
    text += hex[uuid.bytes[i] & 0xf];
  }
  return text;
}

std::vector<core::Uuid> to_uuids(Datum array) {
  const Elements elements = deconstruct(array, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
  std::vector<core::Uuid> uuids;
  uuids.reserve(elements.count);
  for (int i = 0; i < elements.count; i++) uuids.push_back(to_uuid(elements.values[i]));
  return uuids;
}

std::vector<std::string> to_strings(Datum array) {
  const Elements elements = deconstruct(array, TEXTOID, -1, false, TYPALIGN_INT);
  std::vector<std::string> strings;
  strings.reserve(elements.count);
  for (int i = 0; i < elements.count; i++) strings.push_back(to_string(elements.values[i]));
  return strings;
}

std::vector<int> to_ints(Datum array) {
  const Elements elements = deconstruct(array, INT4OID, sizeof(int32), true, TYPALIGN_INT);
  std::vector<int> ints;
  ints.reserve(elements.count);
  for (int i = 0; i < elements.count; i++) ints.push_back(DatumGetInt32(elements.values[i]));
  return ints;
}

Datum to_array(std::span<const core::Uuid> values) {
  return construct(values.size(), UUIDOID, UUID_LEN, false, TYPALIGN_CHAR,
                   [&](std::size_t i) { return pointer_to(values[i]); });
}

Datum to_array(std::span<const std::string> values) {
  return construct(values.size(), TEXTOID, -1, false, TYPALIGN_INT,
                   [&](std::size_t i) { return to_datum(values[i]); });
}

Datum to_array(std::span<const int> values) {
  return construct(values.size(), INT4OID, sizeof(int32), true, TYPALIGN_INT,
                   [&](std::size_t i) { return Int32GetDatum(values[i]); });
}

Datum to_array(std::span<const std::int64_t> values) {
  return construct(values.size(), INT8OID, sizeof(std::int64_t), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
                   [&](std::size_t i) { return Int64GetDatum(values[i]); });
}

Datum to_array(std::span<const Timestamp> values) {
  return construct(values.size(), TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
                   [&](std::size_t i) { return TimestampTzGetDatum(values[i].value); });
}

// Drawn in blocks: for a few bytes the way into the generator and back takes longer than the bytes. A process
// never goes on with what its parent drew.
void fill_random(std::span<std::uint8_t> bytes) {
  static constinit std::array<std::uint8_t, 1024> block{};
  static constinit std::size_t used = block.size();
  static constinit pid_t drawn_by = 0;
  if (drawn_by != MyProcPid || block.size() - used < bytes.size()) {
    if (bytes.size() > block.size() || !call([] { return pg_strong_random(block.data(), block.size()); }))
      throw SqlError(ERRCODE_INTERNAL_ERROR, "could not generate random values");
    drawn_by = MyProcPid;
    used = 0;
  }
  std::copy_n(block.begin() + used, bytes.size(), bytes.begin());
  used += bytes.size();
}

core::Uuid make_uuid_v7(core::Instant now) {
  core::Uuid uuid;
  fill_random(uuid.bytes);
  // Before 1970 there is no version 7; such ids sort first.
  const std::int64_t us = std::max<std::int64_t>(now.time_since_epoch().count(), 0);
  const auto ms = static_cast<std::uint64_t>(us / 1000);
  const auto fraction = static_cast<std::uint32_t>((us % 1000) * 4096 / 1000);
  for (int i = 0; i < 6; i++) uuid.bytes[i] = static_cast<std::uint8_t>(ms >> (8 * (5 - i)));
  uuid.bytes[6] = static_cast<std::uint8_t>(0x70 | (fraction >> 8));
  uuid.bytes[7] = static_cast<std::uint8_t>(fraction);
  uuid.bytes[8] = static_cast<std::uint8_t>(0x80 | (uuid.bytes[8] & 0x3f));
  return uuid;
}

}  // namespace prebuilds::pg
