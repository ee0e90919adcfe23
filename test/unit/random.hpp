// Randomness that can be repeated: PREBUILDS_TEST_SEED=n prebuilds_unit
#pragma once

#include <cstdlib>
#include <random>
#include <string>

namespace prebuilds::core {

inline unsigned test_seed() {
  const char *seed = std::getenv("PREBUILDS_TEST_SEED");
  return seed != nullptr ? static_cast<unsigned>(std::stoul(seed)) : 20250602U;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  // From low to high, both included.
  int between(int low, int high) { return std::uniform_int_distribution<int>{low, high}(engine_); }
  bool one_in(int n) { return between(1, n) == 1; }

 private:
  std::mt19937 engine_;
};

}  // namespace prebuilds::core
