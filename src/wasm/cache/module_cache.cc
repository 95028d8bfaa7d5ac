#include "wasm/cache/module_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_handles.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "wasm/cache/cache_folder.h"

namespace omnisandbox::wasm {
namespace {

using std::chrono::system_clock;

constexpr std::string_view entry_ending = ".compiled";
// Of the record that says that an entry's file is unchanged.
constexpr std::string_view record_ending = ".checked";
// Of the records of modules' files. Their number is bounded by the digits that follow: files with
// the same digits replace each other.
constexpr std::string_view module_record_beginning = "module-";
constexpr std::size_t module_record_digits = 3;
constexpr std::size_t max_files = 100'000;
// A process that died while it wrote left one behind; a living one needs seconds.
constexpr auto unfinished_lifetime = std::chrono::hours(1);
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

std::string record_of(std::string_view entry_name) {
  return std::string(entry_name.substr(0, entry_name.size() - entry_ending.size())) +
         std::string(record_ending);
}

std::string module_record_of(const FileStamp& stamp) {
  const std::array<std::uint64_t, 2> identity{stamp.device, stamp.inode};
  return std::string(module_record_beginning) +
         hex_of(sha256(std::as_bytes(std::span(identity)))).substr(0, module_record_digits);
}

enum class FileKind : std::uint8_t { entry, record, unfinished, foreign };

FileKind kind_of(std::string_view name) {
  if (name.ends_with(entry_ending)) {
    return FileKind::entry;
  }
  if (name.ends_with(record_ending) || name.starts_with(module_record_beginning)) {
    return FileKind::record;
  }
  return name.starts_with(unfinished_beginning) ? FileKind::unfinished : FileKind::foreign;
}

struct CachedFile {
  ModuleCache::Item item;
  FileKind kind{};
};

// An entry that is mapped is not touched, so that its stamp stays: its record is.
system_clock::time_point last_used(const linux_::Fd& folder, std::string_view entry_name,
                                   const struct stat& status) {
  const auto record = linux_::stat_at(folder, record_of(entry_name));
  return record ? std::max(modified(status), modified(*record)) : modified(status);
}

Expected<std::vector<CachedFile>> files_in(const linux_::Fd& folder) {
  std::vector<CachedFile> files;
  // A directory handle has one position for all who read it, so each listing opens its own.
  const linux_::Fd own =
      TRY(linux_::open_at2(folder.get(), ".", O_RDONLY | O_DIRECTORY, 0, linux_::resolve_exactly));
  for (const auto& found : TRY(linux_::list_directory(own, max_files))) {
    const FileKind kind = kind_of(found.name);
    if (kind == FileKind::foreign) {
      continue;
    }
    const auto status = linux_::stat_at(folder, found.name);
    if (status && S_ISREG(status->st_mode)) {
      files.push_back(
          {.item = {.name = found.name,
                    .size_bytes = static_cast<std::uint64_t>(status->st_size),
                    .last_used = kind == FileKind::entry ? last_used(folder, found.name, *status)
                                                         : modified(*status)},
           .kind = kind});
    }
  }
  std::sort(files.begin(), files.end(), [](const CachedFile& left, const CachedFile& right) {
    return left.item.last_used < right.item.last_used;
  });
  return files;
}

Error another_one() {
  return base::make_error(ErrorKind::not_found, "the cached module is another one");
}

}  // namespace

Expected<std::shared_ptr<ModuleCache>> ModuleCache::open(const std::string& folder,
                                                         std::uint64_t max_bytes) {
  linux_::Fd handle = TRY(open_private_folder(folder));
  const CacheSecret secret = TRY(secret_of(handle));
  return std::shared_ptr<ModuleCache>(new ModuleCache(std::move(handle), secret, max_bytes));
}

Expected<ModuleCache::Found> ModuleCache::find(const CacheKey& key, Access access) const {
  const std::string name = file_name(key);
  linux_::Fd file =
      TRY(linux_::open_at2(folder_.get(), name, O_RDONLY | O_NONBLOCK, 0, linux_::resolve_exactly));
  const struct stat status = TRY(linux_::stat_of(file));
  TRY(check_private_file(status));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > max_cache_entry_bytes || size < entry_tail_bytes) {
    return base::make_error(ErrorKind::not_found, "the cached module has an impossible size");
  }
  std::optional<FileStamp> lasting;
  if (access == Access::map_or_read) {
    if (auto unchanged = find_unchanged(key, file, stamp_of(status))) {
      return {Found{.file = std::move(file), .bytes = {}, .shape = *unchanged}};
    }
    const auto kind = linux_::file_system_of(file);
    lasting = kind && kind->runs_code ? lasting_stamp(file) : std::nullopt;
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  bytes.resize(TRY(linux_::read_full(file, bytes)));
  const CacheEntry entry = TRY(decode_entry(bytes, secret_));
  // An entry that was renamed is authentic, and another module's.
  if (entry.key != key) {
    return another_one();
  }
  if (lasting && stamp_of(TRY(linux_::stat_of(file))) == *lasting) {
    const EntryTail tail = TRY(decode_entry_tail(std::span(bytes).last(entry_tail_bytes), size));
    records_.write(record_of(name), StampedFile::compiled, *lasting, tail.mac);
    return {Found{.file = std::move(file), .bytes = {}, .shape = entry.shape}};
  }
  if (access == Access::map_or_read) {
    note_use(file, status);
  }
  return {Found{.file = {}, .bytes = std::move(bytes), .shape = entry.shape}};
}

std::optional<CodeShape> ModuleCache::find_unchanged(const CacheKey& key, const linux_::Fd& file,
                                                     const FileStamp& stamp) const {
  const auto mac = records_.find(record_of(file_name(key)), StampedFile::compiled, stamp);
  std::array<std::byte, entry_tail_bytes> bytes{};
  if (!mac ||
      linux_::read_full_at(file, bytes, stamp.size - bytes.size()).value_or(0) != bytes.size()) {
    return std::nullopt;
  }
  const auto tail = decode_entry_tail(bytes, stamp.size);
  if (!tail || !equal_digests(tail->mac, *mac) || tail->key != key) {
    return std::nullopt;
  }
  return tail->shape;
}

std::optional<Digest> ModuleCache::digest_of(const FileStamp& stamp) const {
  return records_.find(module_record_of(stamp), StampedFile::module, stamp);
}

void ModuleCache::remember_digest(const FileStamp& stamp, const Digest& digest) const {
  records_.write(module_record_of(stamp), StampedFile::module, stamp, digest);
}

Expected<void> ModuleCache::store(const CacheEntry& entry) const {
  const std::vector<std::byte> bytes = TRY(encode_entry(entry, secret_));
  if (bytes.size() > max_bytes_) {
    return base::make_error(ErrorKind::too_large,
                            "the compiled module is larger than the whole cache may be");
  }
  TRY(place_private_file(folder_, file_name(entry.key), bytes));
  return make_room();
}

Expected<void> ModuleCache::make_room() const {
  const std::vector<CachedFile> files = TRY(files_in(folder_));
  std::uint64_t total = 0;
  for (const CachedFile& file : files) {
    // Records are small, and bounded by themselves.
    total += file.kind == FileKind::record ? 0 : file.item.size_bytes;
  }
  const bool is_over = total > max_bytes_;
  const auto abandoned_before = system_clock::now() - unfinished_lifetime;
  for (const CachedFile& file : files) {
    const bool is_abandoned =
        file.kind == FileKind::unfinished && file.item.last_used < abandoned_before;
    const bool must_go =
        file.kind == FileKind::entry && is_over && total > max_bytes_ / 100 * kept_percent;
    if (is_abandoned || must_go) {
      // Another process may have been first.
      static_cast<void>(linux_::remove_file_at(folder_, file.item.name));
      if (must_go) {
        static_cast<void>(linux_::remove_file_at(folder_, record_of(file.item.name)));
      }
      total -= file.item.size_bytes;
    }
  }
  return {};
}

Expected<std::vector<ModuleCache::Item>> ModuleCache::list() const {
  std::vector<Item> items;
  for (CachedFile& file : TRY(files_in(folder_))) {
    if (file.kind == FileKind::entry) {
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
    count += file.kind == FileKind::entry ? 1 : 0;
  }
  return count;
}

}  // namespace omnisandbox::wasm
