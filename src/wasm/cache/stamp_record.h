#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "omnisandbox/expected.h"
#include "wasm/cache/cache_secret.h"
#include "wasm/cache/digest.h"
#include "wasm/cache/file_stamp.h"

namespace omnisandbox::wasm {

/// What a file is known as.
enum class StampedFile : std::uint32_t {
  module,    ///< a module or a component: its SHA-256
  compiled,  ///< a file of the cache: the HMAC that it ends with
};

/// Which start of the machine it is, as text with zeros at its end. Numbers of devices are given
/// anew at each, and a crash may lose a file's newest times while it keeps what was written.
using BootName = std::array<char, 40>;

/// A note that the file with this stamp was read, and what digest it had.
struct StampRecord {
  StampedFile file{};
  BootName boot{};
  FileStamp stamp;
  Digest digest{};
  bool operator==(const StampRecord&) const = default;
};

// Layout, little-endian: magic (8), format (4), file (4), boot (40), stamp (7 × 8), digest (32),
// HMAC (32) over all before it.
inline constexpr std::size_t stamp_record_bytes = 8 + 8 + sizeof(BootName) + 7 * 8 + 2 * 32;

Expected<std::array<std::byte, stamp_record_bytes>> encode_stamp_record(const StampRecord& record,
                                                                        const CacheSecret& secret);
/// Error: `invalid_argument` for what this key did not make.
Expected<StampRecord> decode_stamp_record(std::span<const std::byte> bytes,
                                          const CacheSecret& secret);

}  // namespace omnisandbox::wasm
