#include "linux/file_handles.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>

#include "linux/file_system.h"
#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

// "/proc/self/fd/" and the digits of an int.
using LinkText = std::array<char, 32>;

LinkText link_of(const Fd& file) {
  LinkText text{};
  fmt::format_to_n(text.begin(), text.size() - 1, "/proc/self/fd/{}", file.get());
  return text;
}

Error failed(std::string_view operation, const Fd& file) {
  return Error::from_errno(errno, operation, fmt::format("descriptor {}", file.get()));
}

}  // namespace

Expected<std::string> path_of(const Fd& file) { return read_link_at(file, link_of(file).data()); }

std::string name_of(const Fd& file) { return link_of(file).data(); }

Expected<Fd> reopen(const Fd& file, int flags) {
  const int descriptor =
      retry_interrupted([&] { return ::open(link_of(file).data(), flags | O_CLOEXEC); });
  if (descriptor < 0) {
    return failed("open", file);
  }
  return Fd(descriptor);
}

Expected<FileSystemKind> file_system_of(const Fd& file) {
  struct statfs status {};
  if (retry_interrupted([&] { return ::fstatfs(file.get(), &status); }) != 0) {
    return failed("fstatfs", file);
  }
  return FileSystemKind{.excludes_devices = (status.f_flags & ST_NODEV) != 0,
                        .is_procfs = status.f_type == PROC_SUPER_MAGIC,
                        .runs_code = (status.f_flags & ST_NOEXEC) == 0,
                        .magic = static_cast<std::uint64_t>(status.f_type)};
}

}  // namespace omnisandbox::linux_
