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

// The prebuilds user, who owns the prebuilds that nobody has claimed.
inline constexpr Uuid system_user{
    {0xc4, 0x2f, 0xdf, 0x75, 0x30, 0x97, 0x47, 0x1c, 0x8c, 0x33, 0xfb, 0x52, 0x45, 0x4d, 0x81, 0xc0}};

}  // namespace prebuilds::core
