// SQL statements as values: prepared once per process, parameters by $n, rows read in the order of the
// select list. This is the only place that speaks SPI.
#pragma once

#include "pg/datum.hpp"

namespace prebuilds::pg {

// A connection to SPI for the lifetime of the object. What is palloc'd while it is open goes with it.
class SpiSession {
 public:
  SpiSession();
  // Abort closes SPI by itself; the destructor closes it only on the way out without an error.
  ~SpiSession();
  SpiSession(const SpiSession &) = delete;
  SpiSession &operator=(const SpiSession &) = delete;

 private:
  int exceptions_ = std::uncaught_exceptions();
};

// Makes a trigger's transition tables visible to the statements of the open session.
void expose_transition_tables(TriggerData *trigger);

// A row of a table as a value of type record: SQL reads an array of them by unnest($1) AS n (column type, …).
struct Record {
  Datum value;
};

// A duration for a column of type numeric, in seconds.
struct Seconds {
  core::Duration duration;
};

// A value as it is, of the type that the column or parameter has.
struct AsIs {
  Datum value = 0;
};

struct Param {
  Datum value = 0;
  bool null = false;

  Param() : null(true) {}
  Param(const core::Uuid &v) : value(to_datum(v)) {}
  Param(Timestamp v) : value(TimestampTzGetDatum(v.value)) {}
  Param(core::Instant v) : value(to_datum(v)) {}
  Param(core::Duration v) : value(to_datum(v)) {}
  Param(Seconds v) : value(to_datum_of_seconds(v.duration)) {}
  Param(std::string_view v) : value(to_datum(v)) {}
  Param(const std::string &v) : value(to_datum(std::string_view(v))) {}
  Param(const char *v) : value(to_datum(std::string_view(v))) {}
  Param(int v) : value(Int32GetDatum(v)) {}
  Param(Oid v) : value(ObjectIdGetDatum(v)) {}
  Param(std::int64_t v) : value(Int64GetDatum(v)) {}
  Param(bool v) : value(BoolGetDatum(v)) {}
  Param(char v) : value(CharGetDatum(v)) {}
  Param(AsIs v) : value(v.value) {}
  Param(const std::vector<core::Uuid> &v) : value(to_array(std::span(v))) {}
  Param(const std::vector<std::string> &v) : value(to_array(std::span(v))) {}
  Param(const std::vector<int> &v) : value(to_array(std::span(v))) {}
  Param(const std::vector<std::int64_t> &v) : value(to_array(std::span(v))) {}
  Param(const std::vector<Timestamp> &v) : value(to_array(std::span(v))) {}
  Param(const std::vector<Record> &v);
  Param(const NullableDatum &v) : value(v.value), null(v.isnull) {}
  Param(std::nullopt_t) : null(true) {}
  template <class T>
  Param(const std::optional<T> &v) : Param(v ? Param(*v) : Param(std::nullopt)) {}
};

// `values` are all columns of the table, in its order.
Record make_record(Oid table, std::span<const Param> values);

// One row; each call reads the next column of the select list. A NULL where none is expected is a
// programming error and raises.
class Row {
 public:
  Row(const Datum *values, const bool *nulls, int columns) : values_(values), nulls_(nulls), columns_(columns) {}

  core::Uuid uuid() { return to_uuid(next()); }
  core::Instant instant() { return to_instant(DatumGetTimestampTz(next())); }
  std::string text() { return to_string(next()); }
  int integer() { return DatumGetInt32(next()); }
  std::int64_t bigint() { return DatumGetInt64(next()); }
  bool boolean() { return DatumGetBool(next()); }
  Timestamp timestamp() { return {DatumGetTimestampTz(next())}; }
  Oid oid() { return DatumGetObjectId(next()); }
  std::vector<core::Uuid> uuids() { return to_uuids(next()); }
  std::vector<std::string> texts() { return to_strings(next()); }
  std::vector<int> integers() { return to_ints(next()); }

  std::optional<core::Uuid> optional_uuid() { return next_is_null() ? std::nullopt : std::optional(uuid()); }
  std::optional<core::Instant> optional_instant() { return next_is_null() ? std::nullopt : std::optional(instant()); }
  std::optional<std::string> optional_text() { return next_is_null() ? std::nullopt : std::optional(text()); }
  std::optional<Timestamp> optional_timestamp() {
    return next_is_null() ? std::nullopt : std::optional(timestamp());
  }
  std::optional<char> optional_char() {
    return next_is_null() ? std::nullopt : std::optional(DatumGetChar(next()));
  }
  std::optional<int> optional_integer() { return next_is_null() ? std::nullopt : std::optional(integer()); }

 private:
  bool next_is_null();  // skips the column when it is NULL
  Datum next();

  const Datum *values_;
  const bool *nulls_;
  int columns_;
  int column_ = 0;
};

// The rows that a statement returned; lives no longer than its SpiSession.
class Rows {
 public:
  Rows(SPITupleTable *table, std::uint64_t processed) : table_(table), processed_(processed) {}

  // Rows returned, or written by a statement without RETURNING.
  std::uint64_t count() const { return processed_; }
  bool empty() const { return processed_ == 0; }

  // f(Row &) for each row; what f keeps, it copies.
  template <class F>
  void each(F &&f) const {
    for (std::uint64_t i = 0; i < processed_; i++) with_row(i, f);
  }
  // f(Row &) for the only row; its result.
  template <class F>
  auto first(F &&f) const {
    return with_row(0, f);
  }

 private:
  template <class F>
  auto with_row(std::uint64_t i, F &f) const {
    std::array<Datum, 64> values;
    std::array<bool, 64> nulls;
    deform(i, values, nulls);
    Row row(values.data(), nulls.data(), table_->tupdesc->natts);
    return f(row);
  }
  void deform(std::uint64_t i, std::array<Datum, 64> &values, std::array<bool, 64> &nulls) const;

  SPITupleTable *table_;
  std::uint64_t processed_;
};

// A statement with its parameter types. Declare it `constinit` at namespace scope: its plan is kept for the
// life of the process and follows catalog changes by itself.
class Statement {
 public:
  template <class... Types>
  constexpr explicit Statement(const char *sql, Types... types)
      : sql_(sql), types_{static_cast<Oid>(types)...}, parameters_(sizeof...(types)) {
    static_assert(sizeof...(types) <= 24);
  }
  Statement(const Statement &) = delete;
  Statement &operator=(const Statement &) = delete;

  // Reads under the active snapshot: the pass's one view of the database.
  Rows read(std::initializer_list<Param> params = {});
  // Reads, locks or writes under a snapshot taken now, whatever the isolation level: rows committed since the
  // pass's snapshot are seen, as PostgreSQL's own foreign keys do it.
  Rows run(std::initializer_list<Param> params = {});
  // Runs as a statement of the transaction would, at its isolation level.
  Rows run_at_isolation_level(std::initializer_list<Param> params = {});

 private:
  enum class Under { active_snapshot, latest_snapshot, transaction_snapshot };
  Rows execute(std::initializer_list<Param> params, Under under);
  void prepare();

  const char *sql_;
  std::array<Oid, 24> types_;
  int parameters_;
  SPIPlanPtr plan_ = nullptr;
};

}  // namespace prebuilds::pg
