#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "omnisandbox/host_functions.h"
#include "wasm/guest_run.h"
#include "wasm/wasi/preview1.h"

namespace omnisandbox::wasm::wasi {

/// What a call answered, and the value that it stored in the guest's memory when it succeeded.
template <class T>
struct Answer {
  Errno error = Errno::success;
  T value{};
};

struct OpenOptions {
  std::uint16_t open_flags = 0;
  Rights base = rights::fd_read | rights::fd_seek | rights::fd_tell | rights::fd_filestat_get |
                rights::fd_readdir;
  Rights inheriting = rights::all;
  std::uint16_t descriptor_flags = 0;
  std::uint32_t lookup_flags = lookup_symlink_follow;
};

inline OpenOptions for_reading() { return {}; }
inline OpenOptions for_writing(std::uint16_t open_flags = 0) {
  return {.open_flags = open_flags, .base = rights::of_file & ~rights::fd_read};
}
inline OpenOptions for_both(std::uint16_t open_flags = 0) {
  return {.open_flags = open_flags, .base = rights::of_file};
}
inline OpenOptions for_listing() {
  return {.open_flags = oflags::directory, .base = rights::of_directory};
}

/// A guest without an engine: a memory, a run, and the functions called as its C library would.
class TestGuest {
 public:
  explicit TestGuest(Policy policy, HostFunctionOptions options = {});

  GuestRun& run() { return *run_; }
  host_functions::RunContext& context() { return run_->context; }
  GuestCall& call() { return call_; }
  GuestMemory memory() { return call_.memory; }

  static constexpr std::uint32_t memory_bytes = 1024 * 1024;
  /// A place of `size` bytes that no other wrapper uses before `reset`.
  Pointer reserve(std::size_t size);
  Pointer put(std::string_view text);
  template <class T>
  T load(Pointer place) {
    return call_.memory.load<T>(place).value();
  }
  /// An array of one vector over `size` bytes at `place`.
  Pointer put_vector(Pointer place, Size size);

  std::vector<std::string> preopen_names();
  /// The descriptor of the preopened directory `name`; fails the test when there is none.
  GuestFd preopen(std::string_view name);

  Answer<GuestFd> open(GuestFd fd, std::string_view path, OpenOptions options = {});
  Errno close(GuestFd fd);
  Answer<std::string> read(GuestFd fd, Size size = 4096);
  Answer<std::string> pread(GuestFd fd, std::uint64_t offset, Size size = 4096);
  Answer<Size> write(GuestFd fd, std::string_view data);
  Answer<Size> pwrite(GuestFd fd, std::string_view data, std::uint64_t offset);
  Answer<std::uint64_t> seek(GuestFd fd, std::int64_t delta, Whence whence);
  Answer<Filestat> stat(GuestFd fd);
  Answer<Fdstat> fdstat(GuestFd fd);
  Answer<Filestat> stat_path(GuestFd fd, std::string_view path,
                             std::uint32_t lookup_flags = lookup_symlink_follow);
  Errno set_times_path(GuestFd fd, std::string_view path, std::uint64_t modified_ns,
                       std::uint32_t lookup_flags = lookup_symlink_follow);
  Errno create_directory(GuestFd fd, std::string_view path);
  Errno remove_directory(GuestFd fd, std::string_view path);
  Errno unlink(GuestFd fd, std::string_view path);
  Errno rename(GuestFd old_fd, std::string_view old_path, GuestFd new_fd,
               std::string_view new_path);
  Errno link(GuestFd old_fd, std::string_view old_path, GuestFd new_fd, std::string_view new_path);
  Errno symlink(std::string_view target, GuestFd fd, std::string_view path);
  Answer<std::string> readlink(GuestFd fd, std::string_view path, Size size = 4096);

  struct Listed {
    std::map<std::string, Dirent> entries;
    std::size_t calls = 0;
  };
  /// All entries, read with a buffer of `buffer_size` as a C library does.
  Answer<Listed> list(GuestFd fd, Size buffer_size = 4096);
  /// The names but "." and "..".
  std::set<std::string> names_in(GuestFd fd);

  /// Makes the memory of earlier wrappers usable again.
  void reset() { next_ = first_place; }

 private:
  static constexpr Pointer first_place = 64;

  HostFunctions host_functions_;
  std::unique_ptr<GuestRun> run_;
  std::vector<std::uint8_t> bytes_;
  GuestCall call_;
  Pointer next_ = first_place;
};

/// A folder with `work` (writable), `docs` (read only) and `outside` (in no rule), and guests under
/// a policy over it.
class WasiTest : public ::testing::Test {
 protected:
  explicit WasiTest(std::filesystem::path base = std::filesystem::temp_directory_path())
      : base_(std::move(base)) {}
  void SetUp() override;
  void TearDown() override;

  std::string path(std::string_view name) const { return folder_ / name; }
  const std::filesystem::path& folder() const { return folder_; }
  Config config() const;
  static Policy policy_of(Config config);
  std::unique_ptr<TestGuest> guest() { return guest_under(config()); }
  std::unique_ptr<TestGuest> guest_under(Config config, HostFunctionOptions options = {});

  std::string content(std::string_view name) const;
  void make_file(std::string_view name, std::string_view content) const;
  bool exists(std::string_view name) const;
  /// Every name under `name` with its content, to show that nothing has changed.
  std::map<std::string, std::string> snapshot(std::string_view name) const;

 private:
  const std::filesystem::path base_;
  std::filesystem::path folder_;
};

/// Descriptors that this process has open.
std::size_t open_descriptor_count();

std::ostream& operator<<(std::ostream& out, Errno error);

}  // namespace omnisandbox::wasm::wasi
