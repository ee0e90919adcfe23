#include "pg/spi.hpp"

namespace prebuilds::pg {

namespace {

void check(int code, const char *what) {
  if (code < 0) throw SqlError(ERRCODE_INTERNAL_ERROR, std::string(what) + " failed: " + SPI_result_code_string(code));
}

}  // namespace

SpiSession::SpiSession() {
  check(call([] { return SPI_connect(); }), "SPI_connect");
}

SpiSession::~SpiSession() {
  if (std::uncaught_exceptions() == exceptions_) SPI_finish();
}

void expose_transition_tables(TriggerData *trigger) {
  check(call([&] { return SPI_register_trigger_data(trigger); }), "SPI_register_trigger_data");
}

Param::Param(const std::vector<Record> &v) {
  std::vector<Datum> elements;
  elements.reserve(v.size());
  for (const Record &record : v) elements.push_back(record.value);
  value = call([&] {
    return PointerGetDatum(construct_array(elements.data(), static_cast<int>(elements.size()), RECORDOID, -1,
                                           false, TYPALIGN_DOUBLE));
  });
}

Record make_record(Oid table, std::span<const Param> values) {
  std::array<Datum, 64> columns;
  std::array<bool, 64> nulls;
  std::size_t n = 0;
  for (const Param &value : values) {
    columns[n] = value.value;
    nulls[n++] = value.null;
  }
  return call([&] {
    TupleDesc type = lookup_rowtype_tupdesc(get_rel_type_id(table), -1);
    if (type->natts != static_cast<int>(n))
      ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                      errmsg("\"%s\" has %d columns", get_rel_name(table), type->natts)));
    const Datum record = HeapTupleGetDatum(heap_form_tuple(type, columns.data(), nulls.data()));
    ReleaseTupleDesc(type);
    return Record{record};
  });
}

bool Row::next_is_null() {
  if (column_ >= columns_ || !nulls_[column_]) return false;
  column_++;
  return true;
}

Datum Row::next() {
  if (column_ >= columns_) throw SqlError(ERRCODE_INTERNAL_ERROR, "statement returned too few columns");
  if (nulls_[column_]) throw SqlError(ERRCODE_INTERNAL_ERROR, "unexpected null in column " + std::to_string(column_ + 1));
  return values_[column_++];
}

void Rows::deform(std::uint64_t i, std::array<Datum, 64> &values, std::array<bool, 64> &nulls) const {
  if (table_ == nullptr || i >= processed_) throw SqlError(ERRCODE_INTERNAL_ERROR, "statement returned no row");
  call([&] {
    if (table_->tupdesc->natts > static_cast<int>(values.size()))
      ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("statement returned too many columns")));
    heap_deform_tuple(table_->vals[i], table_->tupdesc, values.data(), nulls.data());
  });
}

Rows Statement::read(std::initializer_list<Param> params) { return execute(params, Under::active_snapshot); }
Rows Statement::run(std::initializer_list<Param> params) { return execute(params, Under::latest_snapshot); }
Rows Statement::run_at_isolation_level(std::initializer_list<Param> params) {
  return execute(params, Under::transaction_snapshot);
}

void Statement::prepare() {
  SPIPlanPtr plan = call([&] {
    // Generic: made once, and good for any number of ids.
    return SPI_prepare_cursor(sql_, parameters_, types_.data(), CURSOR_OPT_GENERIC_PLAN);
  });
  if (plan == nullptr) check(SPI_result, "SPI_prepare");
  check(call([&] { return SPI_keepplan(plan); }), "SPI_keepplan");
  plan_ = plan;
}

Rows Statement::execute(std::initializer_list<Param> params, Under under) {
  if (static_cast<int>(params.size()) != parameters_)
    throw SqlError(ERRCODE_INTERNAL_ERROR, "statement got " + std::to_string(params.size()) + " parameters");
  if (plan_ == nullptr) prepare();

  std::array<Datum, 24> values;
  std::array<char, 24> nulls;
  std::size_t n = 0;
  for (const Param &param : params) {
    values[n] = param.value;
    nulls[n++] = param.null ? 'n' : ' ';
  }
  check(call([&] {
          return under == Under::latest_snapshot
                     ? SPI_execute_snapshot(plan_, values.data(), nulls.data(), GetLatestSnapshot(), InvalidSnapshot,
                                            /* read_only = */ false, /* fire_triggers = */ true, 0)
                     : SPI_execute_plan(plan_, values.data(), nulls.data(),
                                        /* read_only = */ under == Under::active_snapshot, 0);
        }),
        "SPI statement");
  return Rows(SPI_tuptable, SPI_processed);
}

}  // namespace prebuilds::pg
