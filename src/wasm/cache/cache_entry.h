#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "omnisandbox/expected.h"
#include "wasm/cache/cache_secret.h"
#include "wasm/cache/digest.h"
#include "wasm/module/code_shape.h"

namespace omnisandbox::wasm {

/// What a compiled module depends on: its own bytes, and the engine that compiled it (version and
/// settings, see Engine::fingerprint).
struct CacheKey {
  Digest module{};
  Digest engine{};
  bool operator==(const CacheKey&) const = default;

  /// One name for both: the digest of the two.
  Digest name() const;
};

/// A compiled module as it lies in a file. The engine runs `code` as it is, so an entry is only
/// decoded after its authentication: who does not know the key cannot make one.
struct CacheEntry {
  CacheKey key;
  CodeShape shape;
  std::span<const std::byte> code;  ///< borrowed from what was decoded or given
};

// Machine code is a few times the size of its module, and modules are bounded too.
inline constexpr std::uint64_t max_cache_entry_bytes = 512 * 1024 * 1024;

/// Layout, little-endian: code, and a tail of format (4), kind (4: 0 for a core module, 1 for a
/// component), module (32), engine (32), shape (6 × 8; a component has the first three), code size
/// (8), HMAC (32) over all before it, magic (8). The code comes first, so that the engine can map
/// the file.
Expected<std::vector<std::byte>> encode_entry(const CacheEntry& entry, const CacheSecret& secret);

/// Whether `bytes` claim to be an entry: they end with the magic, and are
/// no WebAssembly binary.
bool is_cache_entry(std::span<const std::byte> bytes) noexcept;

/// Errors: `invalid_argument` for what is no entry, is cut off, was changed or was made by somebody
/// else; `io` never.
Expected<CacheEntry> decode_entry(std::span<const std::byte> bytes, const CacheSecret& secret);

/// An entry without its code.
struct EntryTail {
  CacheKey key;
  CodeShape shape;
  Digest mac{};  ///< what it is authenticated by
};
inline constexpr std::size_t entry_tail_bytes = 2 * 4 + 2 * 32 + 7 * 8 + 32 + 8;

/// From the last `entry_tail_bytes` of a file of `file_bytes`, which is *not* authenticated by
/// this. Error: `invalid_argument`.
Expected<EntryTail> decode_entry_tail(std::span<const std::byte> tail, std::uint64_t file_bytes);

}  // namespace omnisandbox::wasm
