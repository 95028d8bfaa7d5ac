#pragma once

#include <array>
#include <cstdint>

namespace omnisandbox::wasm {

/// The secret of one cache folder. Two kinds of files are authenticated with it, which begin
/// differently: compiled code (an ELF file), and stamp records (their magic).
using CacheSecret = std::array<std::uint8_t, 32>;

}  // namespace omnisandbox::wasm
