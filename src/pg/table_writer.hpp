// Rows of a table written without a statement, as PostgreSQL's logical replication does it: where a few rows
// are known already, to start an executor for them would take longer than to write them. Only inside of
// call().
#pragma once

#include "pg/spi.hpp"

namespace prebuilds::pg {

// A table, opened for any number of rows. Its constraints are checked, foreign keys included, but not those
// of domains, and row triggers fire unless they are of columns; statement triggers do not. Rights are not
// checked. There is no destructor: an error leaves everything to the transaction's abort.
class TableWriter {
 public:
  // A name within schema prebuilds. Error 25006 in a read-only transaction, as all are on a standby.
  explicit TableWriter(const char *table);

  // Values in the order of the table's columns. Those that somebody has added to the table since get their
  // defaults.
  void insert(std::span<const Param> row);
  // Replaces a row that this transaction has locked, in its latest version; values of all columns,
  // none of which is generated.
  void update(const ItemPointerData &at, std::span<const Param> row);

  // What was written is visible from here on.
  void end();

 private:
  int columns() const;
  void hold(std::span<const Param> row);
  void prepare_defaults(int from);
  void hold_defaults(int from);
  void open_indexes();  // for the first row that needs them
  void store_new();
  void store_over(ItemPointerData old);
  [[noreturn]] void refuse_columns() const;

  Relation table_;
  EState *state_;
  ResultRelInfo *target_;
  TupleTableSlot *row_;
  ExprState **defaults_ = nullptr;  // of columns that have one and that insert() is not told of
};

}  // namespace prebuilds::pg
