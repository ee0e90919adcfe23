// Settings under which our statements are planned and run, whatever the session's.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::pg {

// Until the nest level of settings ends that was begun last. Only inside of call().
inline void set_in_level(const char *name, const char *value) {
  set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

// What is set lasts as long as the object. An error leaves the restoring to abort.
class ScopedSettings {
 public:
  ScopedSettings(std::initializer_list<std::pair<const char *, const char *>> settings)
      : level_(call([] { return NewGUCNestLevel(); })) {
    for (const auto &setting : settings) call([&] { set_in_level(setting.first, setting.second); });
  }
  ~ScopedSettings() {
    if (std::uncaught_exceptions() == exceptions_) AtEOXact_GUC(/* isCommit = */ true, level_);
  }
  ScopedSettings(const ScopedSettings &) = delete;
  ScopedSettings &operator=(const ScopedSettings &) = delete;

 private:
  int level_;
  int exceptions_ = std::uncaught_exceptions();
};

// For statements that run inside other people's sessions, as a SET clause on a function does it, but only
// when there is something to run.
class StatementSettings : ScopedSettings {
 public:
  StatementSettings()
      : ScopedSettings({
            {"search_path", "pg_catalog, pg_temp"},
            {"jit", "off"},
            // Plans are kept, and one that was made while a table was empty would scan it for every key once
            // it is full.
            {"enable_seqscan", "off"},
        }) {}
};

// For statements that look up a handful of rows by key, over and over: a bitmap for each handful costs more
// than the rows.
class LookUpSettings : ScopedSettings {
 public:
  LookUpSettings() : ScopedSettings({{"enable_bitmapscan", "off"}}) {}
};

// For what must not wait: error 55P03 as soon as PostgreSQL can tell that it would, which takes a
// millisecond.
class WithoutWaiting : ScopedSettings {
 public:
  WithoutWaiting() : ScopedSettings({{"lock_timeout", "1"}}) {}
};

}  // namespace prebuilds::pg
