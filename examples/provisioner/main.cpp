#include "options.hpp"
#include "provisioner.hpp"

#include <exception>
#include <iostream>

int main(int argc, char **argv) {
  const Options options = parse_options(argc, argv);
  try {
    Provisioner(options).run();
    return 0;
  } catch (const std::exception &error) {
    std::cerr << "provisioner: " << error.what() << std::endl;
    return 1;
  }
}
