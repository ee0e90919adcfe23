// Functions that fail in every way there is, for test/t/003_boundary.pl.
#include <stdexcept>

#include "pg/compat.hpp"
#include "pg/transaction.hpp"

using namespace prebuilds;

namespace {

// Memory that a skipped destructor would leak, and a count that would tell.
class Tracked {
 public:
  Tracked() { live++; }
  ~Tracked() { live--; }
  Tracked(const Tracked &) = delete;
  Tracked &operator=(const Tracked &) = delete;

  static inline int live = 0;

 private:
  std::vector<char> memory_ = std::vector<char>(4096, 'x');
};

void fail_in_postgres() {
  pg::call([] {
    ereport(ERROR, (errcode(ERRCODE_DIVISION_BY_ZERO), errmsg("a postgres error"), errdetail("Its detail."),
                    errhint("Its hint.")));
  });
}

// Below objects of many frames and many guards.
void fail_deep(int frames) {
  Tracked object;
  if (frames == 0)
    fail_in_postgres();
  else
    pg::call([&] { fail_deep(frames - 1); });
}

// Through PostgreSQL: a function of ours that PostgreSQL calls on behalf of one of ours.
void fail_through_function(Oid function, const char *how) {
  Tracked object;
  const std::string argument = how;
  pg::call([&] { OidFunctionCall1(function, PointerGetDatum(cstring_to_text(argument.c_str()))); });
}

void fail(std::string_view how, Oid self) {
  Tracked object;
  if (how == "postgres") fail_in_postgres();
  if (how == "deep") fail_deep(100);
  if (how == "ours")
    throw pg::SqlError(ERRCODE_UNDEFINED_OBJECT, "an error of ours", "Its detail.", "Its hint.");
  if (how == "bare") throw pg::SqlError(ERRCODE_UNDEFINED_OBJECT, "");
  if (how == "core")
    throw pg::SqlError(
        core::Error{core::ErrorCode::wrong_state, "an error of the core", "Its detail.", "Its hint."});
  if (how == "memory") throw std::bad_alloc();
  if (how == "runtime") throw std::runtime_error("a C++ exception");
  if (how == "foreign") throw 42;
  if (how == "cancel")
    pg::call([] { ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("a cancel"))); });
  if (how == "nested postgres") fail_through_function(self, "postgres");
  if (how == "nested ours") fail_through_function(self, "ours");
  if (how == "nested foreign") fail_through_function(self, "foreign");
}

std::string argument(FunctionCallInfo fcinfo) {
  text *value = pg::call([&] { return PG_GETARG_TEXT_PP(0); });
  return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

}  // namespace

extern "C" {

PG_MODULE_MAGIC_EXT(.name = "boundary_test", .version = "1");

PG_FUNCTION_INFO_V1(boundary_fail);
PG_FUNCTION_INFO_V1(boundary_subtransaction);
PG_FUNCTION_INFO_V1(boundary_callback);
PG_FUNCTION_INFO_V1(boundary_live);

// boundary_fail(how text) returns void
PGDLLEXPORT Datum boundary_fail(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    fail(argument(fcinfo), fcinfo->flinfo->fn_oid);
    return Datum{0};
  });
}

// boundary_subtransaction(how text) returns text: fails in a subtransaction and goes on
PGDLLEXPORT Datum boundary_subtransaction(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    Tracked object;
    const std::string how = argument(fcinfo);
    const auto error = pg::in_subtransaction([&] {
      Tracked inner;
      fail(how, InvalidOid);
    });
    const std::string outcome =
        error ? error->code() + " " + error->message + " " + error->detail + " " + error->hint : "no error";
    return PointerGetDatum(pg::call([&] { return cstring_to_text(outcome.c_str()); }));
  });
}

// boundary_callback(how text) returns void: fails where PostgreSQL allows no error
PGDLLEXPORT Datum boundary_callback(PG_FUNCTION_ARGS) {
  return pg::entry([&] {
    const std::string how = argument(fcinfo);
    pg::callback([&] { fail(how, InvalidOid); });
    return Datum{0};
  });
}

// boundary_live() returns int: objects whose destructor has not run
PGDLLEXPORT Datum boundary_live(PG_FUNCTION_ARGS) {
  (void)fcinfo;
  return pg::entry([] { return Int32GetDatum(Tracked::live); });
}

}  // extern "C"
