// Settings under which our statements are planned and run, whatever the session's.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::pg {

// For statements that run inside other people's sessions, as a SET clause on a function does it, but only when there
// is something to run. An error leaves the restoring to abort.
class StatementSettings {
 public:
  StatementSettings() : level_(call([] { return NewGUCNestLevel(); })) {
    set("search_path", "pg_catalog, pg_temp");
    set("jit", "off");
    // Plans are kept, and one that was made while a table was empty would scan it for every key once it is full.
    set("enable_seqscan", "off");
  }
  ~StatementSettings() {
    if (std::uncaught_exceptions() == exceptions_) AtEOXact_GUC(/* isCommit = */ true, level_);
  }
  StatementSettings(const StatementSettings &) = delete;
  StatementSettings &operator=(const StatementSettings &) = delete;

 private:
  static void set(const char *name, const char *value) {
    call([&] {
      return set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    });
  }

  int level_;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace prebuilds::pg
