#include "wasm/cache/module_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/random_id.h"
#include "base/try.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "wasm/cache/cache_folder.h"

namespace omnisandbox::wasm {
namespace {

using std::chrono::system_clock;

constexpr std::string_view entry_ending = ".compiled";
constexpr std::string_view unfinished_beginning = "unfinished-";
constexpr std::size_t max_files = 100'000;
// A process that died while it wrote left one behind; a living one needs seconds.
constexpr auto unfinished_lifetime = std::chrono::hours(1);
// What a use is recorded for is the order of removal, which need not be exact.
constexpr auto use_resolution = std::chrono::minutes(10);
// After removal there is room for some more entries before the next one.
constexpr std::uint64_t kept_percent = 90;

std::string file_name(const CacheKey& key) {
  return hex_of(key.name()) + std::string(entry_ending);
}

system_clock::time_point modified(const struct stat& status) {
  return system_clock::time_point(std::chrono::duration_cast<system_clock::duration>(
      std::chrono::seconds(status.st_mtim.tv_sec) +
      std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
}

void record_use(const linux_::Fd& file, const struct stat& status) {
  if (system_clock::now() - modified(status) > use_resolution) {
    // Without it the entry is removed earlier than it should be; nothing else.
    static_cast<void>(
        linux_::set_times(file, {.accessed = {0, UTIME_OMIT}, .modified = {0, UTIME_NOW}}));
  }
}

struct CachedFile {
  ModuleCache::Item item;
  bool is_entry = false;
};

Expected<std::vector<CachedFile>> files_in(const linux_::Fd& folder) {
  std::vector<CachedFile> files;
  // A directory handle has one position for all who read it, so each listing opens its own.
  const linux_::Fd own =
      TRY(linux_::open_at2(folder.get(), ".", O_RDONLY | O_DIRECTORY, 0, linux_::resolve_exactly));
  for (const auto& found : TRY(linux_::list_directory(own, max_files))) {
    const bool is_entry = found.name.ends_with(entry_ending);
    if (!is_entry && !found.name.starts_with(unfinished_beginning)) {
      continue;
    }
    const auto status = linux_::stat_at(folder, found.name);
    if (status && S_ISREG(status->st_mode)) {
      files.push_back({.item = {.name = found.name,
                                .size_bytes = static_cast<std::uint64_t>(status->st_size),
                                .last_used = modified(*status)},
                       .is_entry = is_entry});
    }
  }
  std::sort(files.begin(), files.end(), [](const CachedFile& left, const CachedFile& right) {
    return left.item.last_used < right.item.last_used;
  });
  return files;
}

}  // namespace

Expected<std::shared_ptr<ModuleCache>> ModuleCache::open(const std::string& folder,
                                                         std::uint64_t max_bytes) {
  linux_::Fd handle = TRY(open_private_folder(folder));
  const CacheSecret secret = TRY(secret_of(handle));
  return std::shared_ptr<ModuleCache>(new ModuleCache(std::move(handle), secret, max_bytes));
}

Expected<ModuleCache::Found> ModuleCache::find(const CacheKey& key) const {
  const linux_::Fd file = TRY(linux_::open_at2(folder_.get(), file_name(key), O_RDONLY | O_NONBLOCK,
                                               0, linux_::resolve_exactly));
  const struct stat status = TRY(linux_::stat_of(file));
  TRY(check_private_file(status));
  if (static_cast<std::uint64_t>(status.st_size) > max_cache_entry_bytes) {
    return base::make_error(ErrorKind::not_found, "the cached module has an impossible size");
  }
  Found found;
  found.bytes.resize(static_cast<std::size_t>(status.st_size));
  found.bytes.resize(TRY(linux_::read_full(file, found.bytes)));
  found.entry = TRY(decode_entry(found.bytes, secret_));
  // An entry that was renamed is authentic, and another module's.
  if (found.entry.key != key) {
    return base::make_error(ErrorKind::not_found, "the cached module is another one");
  }
  record_use(file, status);
  return found;
}

Expected<void> ModuleCache::store(const CacheEntry& entry) const {
  const std::vector<std::byte> bytes = TRY(encode_entry(entry, secret_));
  if (bytes.size() > max_bytes_) {
    return base::make_error(ErrorKind::too_large,
                            "the compiled module is larger than the whole cache may be");
  }
  const std::string unfinished = std::string(unfinished_beginning) + base::random_id();
  const linux_::Fd file = TRY(linux_::open_at2(
      folder_.get(), unfinished, O_WRONLY | O_CREAT | O_EXCL, 0600, linux_::resolve_exactly));
  auto stored = linux_::write_full(file, bytes);
  if (stored) {
    stored = linux_::rename_at(folder_, unfinished, folder_, file_name(entry.key));
  }
  if (!stored) {
    static_cast<void>(linux_::remove_file_at(folder_, unfinished));
    return stored;
  }
  return make_room();
}

Expected<void> ModuleCache::make_room() const {
  const std::vector<CachedFile> files = TRY(files_in(folder_));
  std::uint64_t total = 0;
  for (const CachedFile& file : files) {
    total += file.item.size_bytes;
  }
  const bool is_over = total > max_bytes_;
  const auto abandoned_before = system_clock::now() - unfinished_lifetime;
  for (const CachedFile& file : files) {
    const bool is_abandoned = !file.is_entry && file.item.last_used < abandoned_before;
    const bool must_go = file.is_entry && is_over && total > max_bytes_ / 100 * kept_percent;
    if (is_abandoned || must_go) {
      // Another process may have been first.
      static_cast<void>(linux_::remove_file_at(folder_, file.item.name));
      total -= file.item.size_bytes;
    }
  }
  return {};
}

Expected<std::vector<ModuleCache::Item>> ModuleCache::list() const {
  std::vector<Item> items;
  for (CachedFile& file : TRY(files_in(folder_))) {
    if (file.is_entry) {
      items.push_back(std::move(file.item));
    }
  }
  return items;
}

Expected<std::size_t> ModuleCache::clear() const {
  std::size_t count = 0;
  for (const CachedFile& file : TRY(files_in(folder_))) {
    auto removed = linux_::remove_file_at(folder_, file.item.name);
    if (!removed && removed.error().kind != ErrorKind::not_found) {
      return std::move(removed).error();
    }
    count += file.is_entry ? 1 : 0;
  }
  return count;
}

}  // namespace omnisandbox::wasm
