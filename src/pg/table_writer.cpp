#include "pg/table_writer.hpp"

#include "pg/compat.hpp"
#include "pg/relation.hpp"
#include "pg/settings.hpp"

namespace prebuilds::pg {

TableWriter::TableWriter(const char *table)
    : table_(table_open(relation_oid(table), RowExclusiveLock)), state_(CreateExecutorState()) {
  PreventCommandIfReadOnly("INSERT or UPDATE");
  const MemoryContext caller = MemoryContextSwitchTo(state_->es_query_cxt);
  state_->es_output_cid = GetCurrentCommandId(true);
  target_ = makeNode(ResultRelInfo);
  InitResultRelInfo(target_, table_, /* resultRelationIndex = */ 0, nullptr, 0);
  state_->es_opened_result_relations = list_make1(target_);  // where triggers look for it
  row_ = ExecInitExtraTupleSlot(state_, RelationGetDescr(table_), &TTSOpsVirtual);
  MemoryContextSwitchTo(caller);
  AfterTriggerBeginQuery();
}

int TableWriter::columns() const { return row_->tts_tupleDescriptor->natts; }

void TableWriter::hold(std::span<const Param> row) {
  ExecClearTuple(row_);
  for (std::size_t i = 0; i < row.size(); i++) {
    row_->tts_values[i] = row[i].value;
    row_->tts_isnull[i] = row[i].null;
  }
}

void TableWriter::refuse_columns() const {
  throw SqlError(ERRCODE_INTERNAL_ERROR, std::string("\"") + RelationGetRelationName(table_) +
                                             "\" has " + std::to_string(columns()) + " columns");
}

void TableWriter::prepare_defaults(int from) {
  const MemoryContext caller = MemoryContextSwitchTo(state_->es_query_cxt);
  defaults_ = static_cast<ExprState **>(palloc0(sizeof(ExprState *) * columns()));
  for (int i = from; i < columns(); i++) {
    const Form_pg_attribute attribute = TupleDescAttr(row_->tts_tupleDescriptor, i);
    if (attribute->attisdropped || attribute->attgenerated != '\0') continue;  // the latter is computed later
    if (Node *expression = build_column_default(table_, i + 1))
      defaults_[i] = ExecPrepareExpr(reinterpret_cast<Expr *>(expression), state_);
  }
  MemoryContextSwitchTo(caller);
}

void TableWriter::hold_defaults(int from) {
  if (defaults_ == nullptr) prepare_defaults(from);
  for (int i = from; i < columns(); i++) {
    row_->tts_isnull[i] = true;
    if (defaults_[i] != nullptr)
      row_->tts_values[i] =
          ExecEvalExprSwitchContext(defaults_[i], GetPerTupleExprContext(state_), &row_->tts_isnull[i]);
  }
}

void TableWriter::open_indexes() {
  if (target_->ri_NumIndices > 0) return;
  const MemoryContext caller = MemoryContextSwitchTo(state_->es_query_cxt);
  ExecOpenIndices(target_, /* speculative = */ false);
  MemoryContextSwitchTo(caller);
}

void TableWriter::store_new() {
  ExecStoreVirtualTuple(row_);
  open_indexes();
  ExecSimpleRelationInsert(target_, state_, row_);
  ResetPerTupleExprContext(state_);
}

// ExecSimpleRelationUpdate() by its steps, but for what concerns partitions and generated columns: it wants
// all indexes open, although a version that finds room beside the old one mostly is written into none.
void TableWriter::store_over(ItemPointerData old) {
  ExecStoreVirtualTuple(row_);
  CheckCmdReplicaIdentity(table_, CMD_UPDATE);
  EPQState nobody{};  // whose version would have to be checked again
  const TriggerDesc *triggers = target_->ri_TrigDesc;
  if (triggers != nullptr && triggers->trig_update_before_row &&
      !before_update_triggers_compat(state_, &nobody, target_, &old, row_))
    return;
  if (RelationGetDescr(table_)->constr != nullptr) ExecConstraints(target_, row_, state_);
  List *to_recheck = NIL;  // deferred constraints
  const TU_UpdateIndexes indexes = tuple_update_compat(table_, &old, row_, state_->es_snapshot);
  if (indexes != TU_None) {
    open_indexes();
    // Without a range table nothing says which columns change. Indexes take a new version for one of the same
    // key, as it mostly is, and look for dead versions before they split a page.
    to_recheck = insert_index_tuples_compat(target_, row_, state_, indexes);
  }
  ExecARUpdateTriggers(state_, target_, nullptr, nullptr, &old, nullptr, row_, to_recheck, nullptr, false);
}

void TableWriter::insert(std::span<const Param> row) {
  const int known = static_cast<int>(row.size());
  if (known > columns()) refuse_columns();
  hold(row);
  if (known == columns()) return store_new();
  // The expressions of other columns may look names up: not where the caller wants, who may have fewer rights
  // than they run with.
  const int level = NewGUCNestLevel();
  set_in_level("search_path", "pg_catalog, pg_temp");
  hold_defaults(known);
  store_new();
  AtEOXact_GUC(/* isCommit = */ true, level);
}

void TableWriter::update(const ItemPointerData &at, std::span<const Param> row) {
  if (static_cast<int>(row.size()) != columns()) refuse_columns();
  hold(row);
  store_over(at);
  ResetPerTupleExprContext(state_);
}

void TableWriter::end() {
  AfterTriggerEndQuery(state_);
  ExecCloseIndices(target_);
  ExecResetTupleTable(state_->es_tupleTable, /* shouldFree = */ false);
  FreeExecutorState(state_);
  table_close(table_, NoLock);  // the lock goes with the transaction, as the executor's do
  CommandCounterIncrement();
}

}  // namespace prebuilds::pg
