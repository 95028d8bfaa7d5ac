#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "linux/file_handles.h"
#include "wasm/cache/file_stamp.h"

/// Every way to give a file another content of the same size, so that its size and mtime stay. For
/// tests.
namespace omnisandbox::wasm {

inline linux_::Fd open_test_file(const std::string& path, int flags = O_RDONLY) {
  return linux_::Fd(::open(path.c_str(), flags | O_CLOEXEC));
}

/// Whether the folder's file system keeps the times that stamps need: ext4, XFS or Btrfs.
inline bool keeps_stamps(const std::string& folder) {
  const auto kind = linux_::file_system_of(open_test_file(folder));
  return kind && (kind->magic == 0xEF53 || kind->magic == 0x58465342 || kind->magic == 0x9123683E);
}

inline void wait_until_quiet() {
  std::this_thread::sleep_for(quiet_time + std::chrono::milliseconds(50));
}

inline ino_t inode_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

struct WayToChange {
  std::string_view name;
  void (*change)(const std::string& path, const std::string& content);
};

inline void write_in_place(const std::string& path, const std::string& content) {
  const linux_::Fd file = open_test_file(path, O_WRONLY);
  static_cast<void>(!::pwrite(file.get(), content.data(), content.size(), 0));
}

inline void write_by_mapping(const std::string& path, const std::string& content) {
  const linux_::Fd file = open_test_file(path, O_RDWR);
  void* mapped = ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped != MAP_FAILED) {
    // Read first, so that the page is mapped before it is written.
    volatile char first = *static_cast<char*>(mapped);
    static_cast<void>(first);
    content.copy(static_cast<char*>(mapped), content.size());
    ::munmap(mapped, content.size());
  }
}

inline void write_anew(const std::string& path, const std::string& content) {
  const linux_::Fd file = open_test_file(path, O_WRONLY | O_TRUNC);
  static_cast<void>(!::write(file.get(), content.data(), content.size()));
}

inline void rename_over(const std::string& path, const std::string& content) {
  { std::ofstream(path + ".other", std::ios::binary) << content; }
  ::chmod((path + ".other").c_str(), 0600);
  std::filesystem::rename(path + ".other", path);
}

inline void link_over(const std::string& path, const std::string& content) {
  { std::ofstream(path + ".other", std::ios::binary) << content; }
  ::chmod((path + ".other").c_str(), 0600);
  std::filesystem::remove(path);
  std::filesystem::create_hard_link(path + ".other", path);
  std::filesystem::remove(path + ".other");
}

inline constexpr std::array ways_to_change{
    WayToChange{"in place", write_in_place}, WayToChange{"by a mapping", write_by_mapping},
    WayToChange{"truncated and written anew", write_anew},
    WayToChange{"another file renamed over it", rename_over},
    WayToChange{"another file linked in its place", link_over}};

/// The change, and the old access and modification times after it.
inline void change_unseen(const WayToChange& way, const std::string& path,
                          const std::string& content) {
  struct stat before {};
  ::stat(path.c_str(), &before);
  way.change(path, content);
  const timespec times[] = {before.st_atim, before.st_mtim};
  ::utimensat(AT_FDCWD, path.c_str(), times, 0);
}

}  // namespace omnisandbox::wasm
