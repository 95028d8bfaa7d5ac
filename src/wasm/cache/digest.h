#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "omnisandbox/expected.h"

/// SHA-256 and HMAC-SHA-256 (FIPS 180-4, RFC 2104), by libcrypto.
namespace omnisandbox::wasm {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::span<const std::byte> bytes);
Expected<Digest> hmac_sha256(std::span<const std::uint8_t> key, std::span<const std::byte> bytes);
/// In a time that does not depend on where they differ.
bool equal_digests(const Digest& left, const Digest& right) noexcept;
/// 64 lower-case digits.
std::string hex_of(const Digest& digest);

}  // namespace omnisandbox::wasm
