#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace omnisandbox::wasm {

/// What every binary begins with: "\0asm", and four bytes by which modules and components differ.
inline constexpr std::size_t preamble_bytes = 8;

inline constexpr std::array<std::uint8_t, 4> binary_magic{0x00, 'a', 's', 'm'};

/// A binary module or component, at least by its beginning.
inline bool begins_as_binary(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= preamble_bytes &&
         std::memcmp(bytes.data(), binary_magic.data(), binary_magic.size()) == 0;
}

}  // namespace omnisandbox::wasm
