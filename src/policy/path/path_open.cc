#include "policy/path/path_open.h"

#include <cerrno>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_handles.h"
#include "linux/file_system.h"
#include "policy/path/path_text.h"

namespace omnisandbox::policy {
namespace {

using linux_::Fd;

// Somebody who creates and removes a name as fast as we look can make us try again; not for ever.
constexpr int max_create_attempts = 16;

// Where openat2 starts, and what it walks from there.
struct Start {
  const Fd& folder;
  std::string_view name;
};

Start start_of(const PathRoot& root, std::string_view canonical) {
  if (!root.is_directory) {
    return {root.folder, last_component_of(canonical)};
  }
  if (canonical.size() == root.path.size()) {
    return {root.handle, {}};
  }
  return {root.handle, canonical.substr(root.path == "/" ? 1 : root.path.size() + 1)};
}

Expected<Fd> open_from(const Start& start, std::string_view canonical, int flags, unsigned mode,
                       std::uint64_t resolve) {
  // openat2 refuses a mode where nothing can be created.
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  auto opened = linux_::open_at2(start.folder.get(), start.name, static_cast<unsigned>(flags),
                                 creates ? mode : 0, resolve);
  if (!opened) {
    return Error::from_errno(opened.error().system_errno, "openat2", canonical);
  }
  return opened;
}

std::string_view type_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    default:
      return "a device";  // links are not opened, and there is nothing else
  }
}

Expected<void> check_type(mode_t mode, std::string_view canonical) {
  if (S_ISREG(mode) || S_ISDIR(mode)) {
    return {};
  }
  Error error =
      base::make_error(ErrorKind::invalid_argument, "{} is {}; only files and folders are opened",
                       base::printable(canonical), type_name(mode));
  error.resource = canonical;
  error.system_errno = EOPNOTSUPP;
  return error;
}

// What is there, found without opening it for data: opening a device can do something, and opening
// a FIFO can let another process go on. The name is looked up again afterwards, so a device that is
// renamed to it in between is still opened once, without blocking, and refused then; who can do
// that has the device's folder to write in.
Expected<mode_t> look_at(const Start& start, std::string_view canonical) {
  // One component leaves nothing for a symbolic link to mislead, so the cheaper call will do.
  if (start.name.find('/') == std::string_view::npos && !start.name.empty()) {
    const auto status = linux_::stat_at(start.folder, start.name);
    if (!status) {
      return Error::from_errno(status.error().system_errno, "fstatat", canonical);
    }
    if (S_ISLNK(status->st_mode)) {
      return Error::from_errno(ELOOP, "openat2", canonical);
    }
    return status->st_mode;
  }
  const Fd handle = TRY(open_from(start, canonical, O_PATH, 0, linux_::resolve_exactly));
  return TRY(linux_::stat_of(handle)).st_mode;
}

Expected<OpenedFile> checked(Fd file, std::string_view canonical) {
  OpenedFile opened;
  opened.status = TRY(linux_::stat_of(file));
  TRY(check_type(opened.status.st_mode, canonical));
  opened.file = std::move(file);
  return opened;
}

Expected<OpenedFile> open_existing(const PathRoot& root, std::string_view canonical, int flags) {
  const Start start = start_of(root, canonical);
  // On a mount without devices the kernel refuses them before anything happens, so long as the walk
  // stays on that mount.
  if (root.excludes_devices && (flags & O_ACCMODE) == O_RDONLY) {
    auto file = open_from(start, canonical, flags, 0, linux_::resolve_exactly | RESOLVE_NO_XDEV);
    if (file) {
      return checked(std::move(*file), canonical);
    }
    // EXDEV: a mount beneath. EACCES, ENXIO: perhaps a device or a socket, and the look below can
    // say so.
    const int reason = file.error().system_errno;
    if (reason != EXDEV && reason != EACCES && reason != ENXIO) {
      return std::move(file).error();
    }
  }
  const mode_t type = TRY(look_at(start, canonical));
  TRY(check_type(type, canonical));
  return checked(TRY(open_from(start, canonical, flags, 0, linux_::resolve_exactly)), canonical);
}

}  // namespace

Expected<Fd> open_exactly(const PathRoot& root, std::string_view canonical, int flags,
                          unsigned mode) {
  return open_from(start_of(root, canonical), canonical, flags, mode, linux_::resolve_exactly);
}

Expected<OpenedFile> open_data(const PathRoot& root, std::string_view canonical, int flags,
                               unsigned mode) {
  flags |= O_NONBLOCK | O_NOCTTY;
  if ((flags & O_DIRECTORY) != 0 && (flags & O_CREAT) == 0) {
    return checked(TRY(open_exactly(root, canonical, flags, mode)), canonical);
  }
  const bool creates = (flags & O_CREAT) != 0;
  const bool exclusive = creates && (flags & O_EXCL) != 0;
  for (int attempt = 0; attempt < max_create_attempts; ++attempt) {
    if (!exclusive) {
      auto existing = open_existing(root, canonical, flags & ~O_CREAT);
      if (existing || !creates || existing.error().system_errno != ENOENT) {
        return existing;
      }
    }
    auto created = open_exactly(root, canonical, flags | O_CREAT | O_EXCL, mode);
    if (created) {
      OpenedFile opened = TRY(checked(std::move(*created), canonical));
      opened.is_new = true;
      return opened;
    }
    if (exclusive || created.error().system_errno != EEXIST) {
      return std::move(created).error();
    }
  }
  return Error::from_errno(EAGAIN, "openat2", canonical);
}

bool is_magic_link(const Fd& link, const PathRoot& root, std::string_view canonical) {
  const auto kind = linux_::file_system_of(link);
  if (kind && !kind->is_procfs) {
    return false;
  }
  // Only the kernel knows. Links that are text are followed here, but not out of the root.
  const auto followed = open_from(start_of(root, canonical), canonical, O_PATH, 0,
                                  RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  return !followed && followed.error().system_errno == ELOOP;
}

}  // namespace omnisandbox::policy
