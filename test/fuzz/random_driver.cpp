// Runs a fuzz target without libFuzzer: -runs=N inputs of random bytes from -seed=N, or the files named.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

int main(int argc, char **argv) {
  unsigned long runs = 0;
  unsigned long seed = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("-runs=", 0) == 0) {
      runs = std::stoul(argument.substr(6));
    } else if (argument.rfind("-seed=", 0) == 0) {
      seed = std::stoul(argument.substr(6));
    } else {
      std::ifstream file(argument, std::ios::binary);
      const std::vector<char> input{std::istreambuf_iterator<char>(file), {}};
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t *>(input.data()), input.size());
    }
  }

  std::mt19937_64 random(seed);
  std::vector<std::uint8_t> input;
  for (unsigned long run = 0; run < runs; ++run) {
    input.resize(random() % 512);
    std::generate(input.begin(), input.end(), [&] { return static_cast<std::uint8_t>(random()); });
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%lu runs\n", runs);
}
