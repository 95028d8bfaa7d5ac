#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "wasm/cache/cache_entry.h"

namespace omnisandbox::wasm {

// Some hundred interpreters, or thousands of small modules.
inline constexpr std::uint64_t default_cache_bytes = 2048ULL * 1024 * 1024;

/// Compiled modules in a folder, found by what they were compiled from. The folder must be this
/// user's alone, which is checked on its open handle, and each entry is authenticated by a key that
/// lies beside it. Whatever is wrong with an entry, it counts as not there, and is replaced by the
/// next one stored. Safe from several threads, and from several processes at once.
class ModuleCache {
 public:
  /// Opens `folder`, an absolute path; makes it (mode 0700), and its parent, where they are
  /// missing. Errors: `unavailable` when somebody else could write or read there.
  static Expected<std::shared_ptr<ModuleCache>> open(const std::string& folder,
                                                     std::uint64_t max_bytes = default_cache_bytes);

  ModuleCache(const ModuleCache&) = delete;
  ModuleCache& operator=(const ModuleCache&) = delete;

  /// An entry with the bytes that it borrows from.
  struct Found {
    std::vector<std::byte> bytes;
    CacheEntry entry;
  };
  /// `not_found` when there is none that can be trusted.
  Expected<Found> find(const CacheKey& key) const;
  /// Replaces what has the key, and removes what was unused longest where the folder grows beyond
  /// its bound. `too_large` for an entry beyond that by itself.
  Expected<void> store(const CacheEntry& entry) const;

  /// For a file that the user keeps himself; it can be decoded by this user's cache alone.
  Expected<std::vector<std::byte>> seal(const CacheEntry& entry) const {
    return encode_entry(entry, secret_);
  }
  Expected<CacheEntry> unseal(std::span<const std::byte> bytes) const {
    return decode_entry(bytes, secret_);
  }

  struct Item {
    std::string name;  ///< of the file, which is the entry's digest and an ending
    std::uint64_t size_bytes = 0;
    std::chrono::system_clock::time_point last_used{};
  };
  /// Oldest use first.
  Expected<std::vector<Item>> list() const;
  /// Removes every entry; returns how many there were.
  Expected<std::size_t> clear() const;

 private:
  ModuleCache(linux_::Fd folder, CacheSecret secret, std::uint64_t max_bytes)
      : folder_(std::move(folder)), secret_(secret), max_bytes_(max_bytes) {}
  Expected<void> make_room() const;

  const linux_::Fd folder_;
  const CacheSecret secret_;
  const std::uint64_t max_bytes_;
};

}  // namespace omnisandbox::wasm
