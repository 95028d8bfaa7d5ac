#include "linux/file_system.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/try.h"
#include "linux/retry.h"

namespace omnisandbox::linux_ {
namespace {

Error failed(std::string_view operation, std::string_view resource) {
  return Error::from_errno(errno, operation, resource);
}

std::string descriptor_name(const Fd& file) { return fmt::format("descriptor {}", file.get()); }

// A NUL-terminated copy on the stack for the usual short path; the kernel's own bound holds for the
// rest.
class PathText {
 public:
  static constexpr std::size_t inline_bytes = 256;
  explicit PathText(std::string_view path) {
    if (path.size() < inline_bytes) {
      std::memcpy(short_.data(), path.data(), path.size());
      short_[path.size()] = '\0';
      text_ = short_.data();
    } else {
      long_.assign(path);
      text_ = long_.c_str();
    }
  }
  const char* get() const { return text_; }

 private:
  std::array<char, inline_bytes> short_;
  std::string long_;
  const char* text_;
};

bool has_nul(std::string_view path) { return path.find('\0') != std::string_view::npos; }

Error nul_in_path(std::string_view operation, std::string_view path) {
  return Error{.kind = ErrorKind::invalid_argument,
               .message = fmt::format("{} {}: a path cannot contain a NUL byte", operation,
                                      base::printable(path)),
               .resource = std::string(path),
               .system_errno = EINVAL};
}

}  // namespace

Expected<Fd> open_at2(int directory, std::string_view path, std::uint64_t flags, std::uint64_t mode,
                      std::uint64_t resolve) {
  if (has_nul(path)) {
    return nul_in_path("openat2", path);
  }
  const PathText text(path.empty() ? std::string_view(".") : path);
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  const long descriptor = retry_interrupted(
      [&] { return ::syscall(SYS_openat2, directory, text.get(), &how, sizeof how); });
  if (descriptor < 0) {
    return failed("openat2", path);
  }
  return Fd(static_cast<int>(descriptor));
}

Expected<struct stat> stat_of(const Fd& file) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    return failed("fstat", descriptor_name(file));
  }
  return status;
}

Expected<struct stat> stat_at(const Fd& directory, std::string_view name) {
  if (has_nul(name)) {
    return nul_in_path("fstatat", name);
  }
  struct stat status {};
  if (::fstatat(directory.get(), PathText(name).get(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return failed("fstatat", name);
  }
  return status;
}

Expected<std::string> read_link_at(const Fd& directory, std::string_view name) {
  if (has_nul(name)) {
    return nul_in_path("readlinkat", name);
  }
  // The kernel bounds a link's target by PATH_MAX; one byte more shows a cut.
  std::array<char, 4097> target;
  const ssize_t length =
      ::readlinkat(directory.get(), PathText(name).get(), target.data(), target.size());
  if (length < 0) {
    return failed("readlinkat", name);
  }
  if (static_cast<std::size_t>(length) == target.size()) {
    errno = ENAMETOOLONG;
    return failed("readlinkat", name);
  }
  return std::string(target.data(), static_cast<std::size_t>(length));
}

Expected<std::size_t> read_full(const Fd& file, std::span<std::byte> buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = retry_interrupted(
        [&] { return ::read(file.get(), buffer.data() + done, buffer.size() - done); });
    if (count < 0) {
      return failed("read", descriptor_name(file));
    }
    if (count == 0) {
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Expected<std::size_t> read_full_at(const Fd& file, std::span<std::byte> buffer,
                                   std::uint64_t offset) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = retry_interrupted([&] {
      return ::pread(file.get(), buffer.data() + done, buffer.size() - done,
                     static_cast<off_t>(offset + done));
    });
    if (count < 0) {
      return failed("pread", descriptor_name(file));
    }
    if (count == 0) {
      break;
    }
    done += static_cast<std::size_t>(count);
  }
  return done;
}

Expected<void> write_full(const Fd& file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        retry_interrupted([&] { return ::write(file.get(), bytes.data(), bytes.size()); });
    if (count < 0) {
      return failed("write", descriptor_name(file));
    }
    if (count == 0) {
      // Not for regular files; a device that takes nothing must not make this loop endless.
      errno = EIO;
      return failed("write", descriptor_name(file));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

Expected<std::vector<RawDirectoryEntry>> list_directory(const Fd& directory,
                                                        std::size_t max_entries) {
  // A second open description: the caller's directory position stays where it is, and several may
  // list at once.
  Fd own = TRY(open_at2(directory.get(), ".", O_RDONLY | O_DIRECTORY, 0, resolve_exactly));
  DIR* stream = ::fdopendir(own.get());
  if (stream == nullptr) {
    return failed("fdopendir", descriptor_name(directory));
  }
  static_cast<void>(own.release());
  struct Closer {
    DIR* stream;
    ~Closer() { ::closedir(stream); }
  } closer{stream};

  std::vector<RawDirectoryEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(stream);
    if (entry == nullptr) {
      if (errno != 0) {
        return failed("readdir", descriptor_name(directory));
      }
      return entries;
    }
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") {
      continue;
    }
    if (entries.size() == max_entries) {
      return base::make_error(ErrorKind::limit, "the folder has more than {} entries", max_entries);
    }
    entries.push_back({std::string(name), entry->d_ino, entry->d_type});
  }
}

}  // namespace omnisandbox::linux_
