// Memory for what PostgreSQL pallocs on the way to a result of ours.
#pragma once

#include "pg/boundary.hpp"

namespace prebuilds::pg {

class Scratch {
 public:
  Scratch()
      : context_(call([] {
          return AllocSetContextCreate(CurrentMemoryContext, "pg_prebuilds scratch", ALLOCSET_SMALL_SIZES);
        })) {}
  ~Scratch() { MemoryContextDelete(context_); }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  // What is palloc'd while f runs is freed after it. Not inside of call().
  template <class F>
  void use(F f) {
    const struct Within {
      MemoryContext context, caller = MemoryContextSwitchTo(context);
      ~Within() {
        MemoryContextSwitchTo(caller);
        MemoryContextReset(context);
      }
    } within{context_};
    f();
  }

 private:
  MemoryContext context_;
};

}  // namespace prebuilds::pg
