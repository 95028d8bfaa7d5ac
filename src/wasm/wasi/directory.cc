#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "linux/file_system.h"
#include "policy/path/path_text.h"
#include "wasm/wasi/errors.h"
#include "wasm/wasi/fd_table.h"
#include "wasm/wasi/filestat.h"
#include "wasm/wasi/open_directory.h"
#include "wasm/wasi/preview1.h"

namespace omnisandbox::wasm::wasi {
namespace {

constexpr std::string_view operation = "wasi.fd_readdir";
// As fs_list: what does not fit is an error, never a shorter list.
constexpr std::size_t max_entries = 100'000;

// ".." names the directory itself, as it does for a root: what lies above is not the guest's
// business.
void add_own_names(Listing& listing, std::uint64_t inode) {
  listing.add(".", inode, FileType::directory);
  listing.add("..", inode, FileType::directory);
}

FileType type_of(const linux_::Fd& directory, const linux_::RawDirectoryEntry& entry) {
  const FileType type = file_type_of_entry(entry.type);
  if (type != FileType::unknown) {
    return type;
  }
  // Some file systems do not say.
  const auto status = linux_::stat_at(directory, entry.name);
  return status ? file_type_of(status->st_mode) : type;
}

tl::expected<std::unique_ptr<Listing>, Errno> list(GuestCall& call, const Descriptor& directory) {
  auto listing = std::make_unique<Listing>();
  if (directory.is_folder_of_files) {
    add_own_names(*listing, 0);
    for (const AllowedFile& file : directory.allowed_files) {
      listing->add(file.name, 0, FileType::regular_file);
    }
    return listing;
  }
  const auto handle = handle_of(call, operation, directory);
  if (!handle) {
    return tl::unexpected(handle.error());
  }
  const auto status = linux_::stat_of(handle->get());
  if (!status) {
    return tl::unexpected(fail(call, operation, status.error()));
  }
  auto entries = linux_::list_directory(handle->get(), max_entries);
  if (!entries) {
    return tl::unexpected(entries.error().kind == ErrorKind::limit
                              ? Errno::nomem
                              : fail(call, operation, std::move(entries).error()));
  }
  add_own_names(*listing, status->st_ino);
  const policy::CompiledPolicy& policy = call.run.context.compiled();
  for (const linux_::RawDirectoryEntry& entry : *entries) {
    const std::string path = policy::join(directory.canonical, entry.name);
    // A name that the policy hides is not there; that is no denial of something that was asked for.
    if (policy.judge_path(path, policy::PathUse::read, path)) {
      listing->add(entry.name, entry.inode, type_of(handle->get(), entry));
    }
  }
  return listing;
}

// Copies as much of the two parts as fits; the guest sees by the full buffer that there is more.
class DirentWriter {
 public:
  explicit DirentWriter(std::span<std::uint8_t> buffer) : rest_(buffer) {}

  bool is_full() const { return rest_.empty(); }
  std::size_t rest_bytes() const { return rest_.size(); }

  void write(const Listing::Entry& entry, std::uint64_t next_cookie) {
    Dirent dirent;
    dirent.next_cookie = next_cookie;
    dirent.inode = entry.inode;
    dirent.name_length = static_cast<std::uint32_t>(entry.name.size());
    dirent.filetype = entry.type;
    write(&dirent, sizeof dirent);
    write(entry.name.data(), entry.name.size());
  }

 private:
  void write(const void* data, std::size_t size) {
    const std::size_t length = std::min(size, rest_.size());
    std::memcpy(rest_.data(), data, length);
    rest_ = rest_.subspan(length);
  }

  std::span<std::uint8_t> rest_;
};

}  // namespace

Errno fd_readdir(GuestCall& call, GuestFd fd, Pointer buffer, Size buffer_length,
                 std::uint64_t cookie, Pointer used) {
  FdTable& table = table_of(call.run);
  Descriptor* descriptor = table.find(fd);
  if (descriptor == nullptr) {
    return Errno::badf;
  }
  if (!descriptor->is_directory()) {
    return Errno::notdir;
  }
  if ((descriptor->base & rights::fd_readdir) == 0) {
    return Errno::notcapable;
  }
  const auto bytes = call.memory.slice(buffer, buffer_length);
  if (!bytes || !call.memory.slice(used, sizeof(Size))) {
    return Errno::fault;
  }
  // Cookie 0 is the beginning, so what has changed since shows.
  if (cookie == 0 || !descriptor->listing) {
    descriptor->listing.reset();
    auto listing = list(call, *descriptor);
    if (!listing) {
      return listing.error();
    }
    if (!table.reserve_listing((*listing)->size())) {
      return Errno::nomem;
    }
    descriptor->listing = std::move(*listing);
  }
  Listing& listing = *descriptor->listing;
  DirentWriter writer(*bytes);
  std::uint64_t next = cookie;
  Size used_bytes = buffer_length;
  while (next < listing.size() && !writer.is_full()) {
    writer.write(listing.at(static_cast<std::size_t>(next)), next + 1);
    ++next;
  }
  if (!writer.is_full()) {
    used_bytes = static_cast<Size>(buffer_length - writer.rest_bytes());
    listing.was_read_to_end = true;
  }
  return call.memory.store(used, used_bytes) ? Errno::success : Errno::fault;
}

}  // namespace omnisandbox::wasm::wasi
