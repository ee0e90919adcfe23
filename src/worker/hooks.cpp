// Keeps the workers out of the way of commands that need a database, or the extension, for themselves, and
// tells the launcher of databases and extensions that come and go.
#include "pg/compat.hpp"
#include "worker/extension.hpp"
#include "worker/shmem.hpp"
#include "worker/wakeup.hpp"
#include "worker/worker.hpp"

namespace prebuilds::worker {

namespace {

constinit ProcessUtility_hook_type previous_utility_hook = nullptr;
constinit object_access_hook_type previous_access_hook = nullptr;

constinit bool holding = false;

void end_holds() {
  if (!holding) return;
  holding = false;
  with_shared([](Shared &shared) {
    for (Hold &hold : shared.holds)
      if (hold.holder == MyProcPid) hold = {};
    // The launcher shall see that a database was dropped before it starts a worker there.
    shared.databases_changed = true;
    wake_launcher(shared);
  });
}

void end_holds_with_transaction(XactEvent event, void *) noexcept {
  pg::callback([&] {
    if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT) end_holds();
  });
}

// For a backend that is terminated in the middle of its command.
void end_holds_at_exit(int, Datum) noexcept {
  pg::callback([] { end_holds(); });
}

// Until the transaction ends, which is that of the command alone, the database has no worker.
void hold_database(Oid database) {
  static constinit bool registered = false;
  if (!registered) {
    pg::call([] {
      RegisterXactCallback(end_holds_with_transaction, nullptr);
      before_shmem_exit(end_holds_at_exit, Datum{0});
    });
    registered = true;
  }
  holding = true;
  with_shared([&](Shared &shared) {
    for (Hold &hold : shared.holds) {
      if (OidIsValid(hold.database)) continue;
      hold = {database, MyProcPid};
      break;
    }
  });
  // Should it not go, the command itself says best what keeps it.
  wait_for_worker_to_go(database, std::chrono::seconds(30));
}

const char *option(List *options, const char *name) {
  return pg::call([&]() -> const char * {
    ListCell *cell;
    foreach (cell, options) {
      DefElem *element = lfirst_node(DefElem, cell);
      if (strcmp(element->defname, name) == 0) return element->arg == nullptr ? "" : defGetString(element);
    }
    return nullptr;
  });
}

// The database that a command needs for itself; nullptr: none.
const char *database_needed(Node *command) {
  switch (nodeTag(command)) {
    case T_DropdbStmt: return reinterpret_cast<DropdbStmt *>(command)->dbname;
    case T_CreatedbStmt: {
      const char *original = option(reinterpret_cast<CreatedbStmt *>(command)->options, "template");
      return original != nullptr ? original : "template1";
    }
    case T_RenameStmt: {
      const auto *rename = reinterpret_cast<RenameStmt *>(command);
      return rename->renameType == OBJECT_DATABASE ? rename->subname : nullptr;
    }
    case T_AlterDatabaseStmt: {
      const auto *alter = reinterpret_cast<AlterDatabaseStmt *>(command);
      return option(alter->options, "tablespace") != nullptr ? alter->dbname : nullptr;
    }
    default: return nullptr;
  }
}

// The same, when the command has a chance: whoever may not run it must not stop workers with it.
Oid database_to_hold(Node *command) {
  const char *name = database_needed(command);
  if (name == nullptr || IsTransactionBlock()) return InvalidOid;
  return pg::call([&] {
    const Oid database = get_database_oid(name, /* missing_ok = */ true);
    return OidIsValid(database) && pg::database_ownercheck(database, GetUserId()) ? database : InvalidOid;
  });
}

bool updates_extension(Node *command) {
  if (nodeTag(command) != T_AlterExtensionStmt ||
      strcmp(reinterpret_cast<AlterExtensionStmt *>(command)->extname, extension_name) != 0)
    return false;
  const Oid extension = extension_oid();
  return OidIsValid(extension) && pg::call([&] { return pg::extension_ownercheck(extension, GetUserId()); });
}

void note_what_changes(Node *command) {
  switch (nodeTag(command)) {
    case T_CreatedbStmt:
    case T_DropdbStmt:
    case T_AlterDatabaseStmt: note_databases_changed(); break;
    case T_AlterExtensionStmt: note_extension_changed(); break;
    case T_TransactionStmt:
      // What the prepared transaction noted is long forgotten.
      if (reinterpret_cast<TransactionStmt *>(command)->kind == TRANS_STMT_COMMIT_PREPARED)
        note_extension_changed();
      break;
    default: break;
  }
}

void process_utility(PlannedStmt *planned, const char *query, bool read_only_tree,
                     ProcessUtilityContext context, ParamListInfo parameters, QueryEnvironment *environment,
                     DestReceiver *destination, QueryCompletion *completion) noexcept {
  pg::entry([&] {
    Node *command = planned->utilityStmt;
    if (const Oid database = database_to_hold(command); OidIsValid(database)) hold_database(database);
    // The update's script changes tables in an order of its own; a pass in between could deadlock with it.
    if (updates_extension(command)) lock_extension_exclusively();
    note_what_changes(command);
    pg::call([&] {
      const auto next = previous_utility_hook != nullptr ? previous_utility_hook : standard_ProcessUtility;
      next(planned, query, read_only_tree, context, parameters, environment, destination, completion);
    });
    return Datum{0};
  });
}

// CREATE and DROP EXTENSION, whichever command they are part of.
void object_access(ObjectAccessType access, Oid catalog, Oid object, int subobject, void *argument) noexcept {
  pg::entry([&] {
    if (previous_access_hook != nullptr)
      pg::call([&] { previous_access_hook(access, catalog, object, subobject, argument); });
    if (catalog == ExtensionRelationId && (access == OAT_POST_CREATE || access == OAT_DROP))
      note_extension_changed();
    return Datum{0};
  });
}

}  // namespace

void install_hooks() {
  previous_utility_hook = ProcessUtility_hook;
  ProcessUtility_hook = process_utility;
  previous_access_hook = object_access_hook;
  object_access_hook = object_access;
}

}  // namespace prebuilds::worker
