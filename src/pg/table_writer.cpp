#include "pg/table_writer.hpp"

namespace prebuilds::pg {

TableWriter::TableWriter(Relation table) : state_(CreateExecutorState()) {
  PreventCommandIfReadOnly("INSERT or UPDATE");
  const MemoryContext caller = MemoryContextSwitchTo(state_->es_query_cxt);
  state_->es_output_cid = GetCurrentCommandId(true);
  target_ = makeNode(ResultRelInfo);
  // Without a range table nothing says which columns change. Indexes take a new version for one of the same
  // key, as it mostly is, and look for dead versions before they split a page.
  InitResultRelInfo(target_, table, /* resultRelationIndex = */ 0, nullptr, 0);
  ExecOpenIndices(target_, /* speculative = */ false);
  state_->es_opened_result_relations = list_make1(target_);  // where triggers look for it
  before_ = ExecInitExtraTupleSlot(state_, RelationGetDescr(table), table_slot_callbacks(table));
  after_ = ExecInitExtraTupleSlot(state_, RelationGetDescr(table), &TTSOpsVirtual);
  MemoryContextSwitchTo(caller);
  AfterTriggerBeginQuery();
}

void TableWriter::hold(std::span<const Param> row) {
  ExecClearTuple(after_);
  if (after_->tts_tupleDescriptor->natts != static_cast<int>(row.size()))
    throw SqlError(ERRCODE_INTERNAL_ERROR,
                   std::string("\"") + RelationGetRelationName(target_->ri_RelationDesc) + "\" has " +
                       std::to_string(after_->tts_tupleDescriptor->natts) + " columns");
  for (std::size_t i = 0; i < row.size(); i++) {
    after_->tts_values[i] = row[i].value;
    after_->tts_isnull[i] = row[i].null;
  }
  ExecStoreVirtualTuple(after_);
}

void TableWriter::insert(std::span<const Param> row) {
  hold(row);
  ExecSimpleRelationInsert(target_, state_, after_);
  ResetPerTupleExprContext(state_);
}

void TableWriter::update(const ItemPointerData &at, std::span<const Param> row) {
  hold(row);
  before_->tts_tid = at;
  EPQState nobody{};  // whose version would have to be checked again
  ExecSimpleRelationUpdate(target_, state_, &nobody, before_, after_);
  ResetPerTupleExprContext(state_);
}

void TableWriter::end() {
  AfterTriggerEndQuery(state_);
  ExecCloseIndices(target_);
  ExecResetTupleTable(state_->es_tupleTable, /* shouldFree = */ false);
  FreeExecutorState(state_);
  CommandCounterIncrement();
}

}  // namespace prebuilds::pg
