// Rights for statements that keep derived data in step, whoever writes its sources.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::pg {

// Runs what follows as the owner of a table, as PostgreSQL's own foreign keys do, at a fraction of the cost
// of SECURITY DEFINER with its settings. The search_path stays the caller's: statements under it look up
// nothing by an unqualified name, operators included.
class OwnerScope {
 public:
  explicit OwnerScope(Relation table) {
    GetUserIdAndSecContext(&user_, &context_);
    SetUserIdAndSecContext(table->rd_rel->relowner, context_ | SECURITY_LOCAL_USERID_CHANGE);
  }
  ~OwnerScope() { SetUserIdAndSecContext(user_, context_); }
  OwnerScope(const OwnerScope &) = delete;
  OwnerScope &operator=(const OwnerScope &) = delete;

 private:
  Oid user_ = InvalidOid;
  int context_ = 0;
};

}  // namespace prebuilds::pg
