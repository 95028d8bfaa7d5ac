#include "linux/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/try.h"
#include "linux/file_system.h"

namespace omnisandbox::linux_ {
namespace {

// The kernel's own bounds on a list of attributes and on one value (xattr(7)).
constexpr std::size_t max_attribute_list_bytes = 64 * 1024;
constexpr std::size_t max_attribute_bytes = 64 * 1024;

// Attributes in "security." and "trusted." are the system's: it labels the new file itself.
bool is_kept(std::string_view attribute) {
  return attribute == "system.posix_acl_access" || attribute.starts_with("user.");
}

// What a writer cannot read, or the file system does not have, it cannot keep.
bool is_out_of_reach(int error_number) {
  return error_number == ENODATA || error_number == EACCES || error_number == EPERM ||
         error_number == EOPNOTSUPP;
}

Expected<void> copy_attribute(const std::string& path, const char* attribute, const Fd& file) {
  std::vector<char> value(max_attribute_bytes);
  const ssize_t length = ::lgetxattr(path.c_str(), attribute, value.data(), value.size());
  if (length < 0) {
    return is_out_of_reach(errno) ? Expected<void>()
                                  : Error::from_errno(errno, "lgetxattr", attribute);
  }
  if (::fsetxattr(file.get(), attribute, value.data(), static_cast<std::size_t>(length), 0) != 0) {
    return Error::from_errno(errno, "fsetxattr", attribute);
  }
  return {};
}

}  // namespace

Expected<Fd> open_unnamed_in(const Fd& folder, unsigned mode) {
  auto file = open_at2(folder.get(), ".", O_TMPFILE | O_WRONLY, mode, resolve_exactly);
  // Kernels and file systems without O_TMPFILE see an open of a folder for writing.
  if (!file && (file.error().system_errno == EISDIR || file.error().system_errno == EINVAL)) {
    return Error::from_errno(EOPNOTSUPP, "open an unnamed file in", ".");
  }
  return file;
}

Expected<void> name_unnamed(const Fd& file, const Fd& folder, std::string_view name) {
  const std::string name_text(name);
  int result = ::linkat(file.get(), "", folder.get(), name_text.c_str(), AT_EMPTY_PATH);
  if (result != 0 && errno == ENOENT) {
    // Older kernels give this form to privileged processes only.
    const std::string source = fmt::format("/proc/self/fd/{}", file.get());
    result = ::linkat(AT_FDCWD, source.c_str(), folder.get(), name_text.c_str(), AT_SYMLINK_FOLLOW);
  }
  if (result != 0) {
    return Error::from_errno(errno, "linkat", name);
  }
  return {};
}

Expected<bool> try_lock(const Fd& file) {
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
    return true;
  }
  if (errno == EWOULDBLOCK) {
    return false;
  }
  return Error::from_errno(errno, "flock", "new file");
}

Expected<void> set_mode(const Fd& file, unsigned mode) {
  if (::fchmod(file.get(), mode) != 0) {
    return Error::from_errno(errno, "fchmod", "new file");
  }
  return {};
}

Expected<void> set_owner(const Fd& file, uid_t user, gid_t group) {
  if (::fchown(file.get(), user, group) != 0) {
    return Error::from_errno(errno, "fchown", "new file");
  }
  return {};
}

Expected<void> copy_attributes(const Fd& folder, std::string_view name, const Fd& file) {
  // There is no call that takes a handle and a name (before Linux 6.13); this path leads through
  // the handle.
  const std::string path = fmt::format("/proc/self/fd/{}/{}", folder.get(), name);
  // Asked for the size first: a file without attributes, the usual one, needs no buffer.
  ssize_t length = ::llistxattr(path.c_str(), nullptr, 0);
  if (length > 0) {
    std::vector<char> names(max_attribute_list_bytes);
    length = ::llistxattr(path.c_str(), names.data(), names.size());
    // Names follow each other, each with its NUL.
    for (ssize_t at = 0; at < length;) {
      const char* attribute = names.data() + at;
      const std::string_view text(attribute);
      if (is_kept(text)) {
        TRY(copy_attribute(path, attribute, file));
      }
      at += static_cast<ssize_t>(text.size()) + 1;
    }
  }
  // ENOENT: the old file is gone meanwhile, and what it had with it.
  if (length < 0 && !is_out_of_reach(errno) && errno != ENOENT) {
    return Error::from_errno(errno, "llistxattr", name);
  }
  return {};
}

}  // namespace omnisandbox::linux_
