#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "wasm/cache/cache_entry.h"
#include "wasm/cache/stamp_records.h"

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

  /// An entry that was authenticated.
  struct Found {
    linux_::Fd file;               ///< to map: an unchanged file has been authenticated. Or closed:
    std::vector<std::byte> bytes;  ///< the file's, read and authenticated now
    CodeShape shape;
    std::span<const std::byte> code() const {
      return std::span(bytes).first(bytes.size() - entry_tail_bytes);
    }
  };
  /// How it may be loaded. A file that is mapped shows what is written into it later, which this
  /// user alone could do; one that is read does not.
  enum class Access : std::uint8_t { map_or_read, read };
  /// `not_found` when there is none that can be trusted.
  Expected<Found> find(const CacheKey& key, Access access = Access::map_or_read) const;
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

  /// The SHA-256 of a module's file that was read before and has not been changed since.
  std::optional<Digest> digest_of(const FileStamp& stamp) const;
  /// `stamp` is a lasting one, and the file had it before and after it was read.
  void remember_digest(const FileStamp& stamp, const Digest& digest) const;

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
      : folder_(std::move(folder)),
        secret_(secret),
        records_(folder_, secret),
        max_bytes_(max_bytes) {}
  std::optional<CodeShape> find_unchanged(const CacheKey& key, const linux_::Fd& file,
                                          const FileStamp& stamp) const;
  Expected<void> make_room() const;

  const linux_::Fd folder_;
  const CacheSecret secret_;
  const StampRecords records_;
  const std::uint64_t max_bytes_;
};

}  // namespace omnisandbox::wasm
