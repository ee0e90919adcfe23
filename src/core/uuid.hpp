// Identifiers, compared byte by byte as PostgreSQL compares its uuid type.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

namespace prebuilds::core {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid &) const = default;  // NOLINT(modernize-use-nullptr): a bug of the check
};

}  // namespace prebuilds::core
