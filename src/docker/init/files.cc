#include "docker/init/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "docker/init/streams.h"

namespace omnisandbox::docker::init {
namespace {

constexpr int exit_failed = 1;
constexpr unsigned permission_bits = 0777;
constexpr unsigned owner_may_write = 0600;
constexpr unsigned owner_may_enter = 0700;
constexpr unsigned new_folder_mode = 0755;

char piece[max_frame_bytes];

/// A path that entries are added to and taken from.
class Path {
 public:
  explicit Path(const char* text) : size_(std::min(std::strlen(text), sizeof text_ - 1)) {
    std::memcpy(text_, text, size_);
  }
  // False where it would be longer than the kernel takes. An empty name changes nothing.
  bool add(const char* name) {
    const std::size_t length = std::strlen(name);
    if (length == 0) {
      return true;
    }
    if (size_ + length + 2 > sizeof text_) {
      return false;
    }
    text_[size_++] = '/';
    std::memcpy(text_ + size_, name, length + 1);
    size_ += length;
    return true;
  }
  void cut(std::size_t size) {
    size_ = size;
    text_[size_] = '\0';
  }
  std::size_t size() const { return size_; }
  const char* text() const { return text_; }
  char* text() { return text_; }

 private:
  char text_[2 * max_path_bytes] = {};
  std::size_t size_ = 0;
};

/// How it went; the first failure counts.
class Report {
 public:
  explicit Report(const Job& job) : job_(job) { ending_.end.token = job.token; }

  void fail(const char* path, int error_number) {
    if (ending_.failed_step != Step::none) {
      return;
    }
    ending_.failed_step = Step::files;
    ending_.failed_errno = error_number;
    // Cut where it is longer; the last byte stays NUL.
    std::memcpy(ending_.failed_path.data(), path,
                std::min(std::strlen(path), ending_.failed_path.size() - 1));
  }
  bool has_failed() const { return ending_.failed_step != Step::none; }
  void leave_out() { ++ending_.left_out; }

  Outcome tell(bool is_host_there) {
    if (!is_host_there || !write_exactly(1, &ending_.end, sizeof ending_.end) ||
        !write_exactly(2, &ending_, sizeof ending_)) {
      return {.exit_code = exit_failed};
    }
    return {.exit_code = has_failed() ? exit_failed : 0, .may_go_on = job_.is_last == 0};
  }

 private:
  const Job& job_;
  Ending ending_;
};

bool is_folder(const char* path) {
  struct stat status {};
  return ::stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// The folders above the path, where they are missing.
bool make_folders_above(Path& path) {
  char* text = path.text();
  for (char* slash = std::strchr(text + 1, '/'); slash != nullptr;
       slash = std::strchr(slash + 1, '/')) {
    *slash = '\0';
    const bool is_there = ::mkdir(text, new_folder_mode) == 0 || errno == EEXIST;
    const int problem = errno;
    const bool is_known = is_there || is_folder(text);
    *slash = '/';
    if (!is_known) {
      errno = problem;
      return false;
    }
  }
  return true;
}

bool make_folder(const char* path, unsigned mode) {
  if (::mkdir(path, (mode & permission_bits) | owner_may_enter) == 0) {
    return true;
  }
  if (errno == EEXIST && is_folder(path)) {
    return true;
  }
  return false;
}

int open_for_writing(const char* path) {
  // Not blocking: a FIFO may stand there.
  const int file =
      ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
             owner_may_write);
  struct stat status {};
  if (file >= 0 && (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode))) {
    ::close(file);
    errno = EEXIST;
    return -1;
  }
  return file;
}

// The content is read to its end whatever happens; false: the host is gone.
bool take_content(const FileEntry& entry, int file, const char* path, Report& report) {
  for (std::uint64_t left = entry.size_bytes; left > 0;) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, sizeof piece));
    if (!read_exactly(0, piece, size)) {
      return false;
    }
    left -= size;
    if (file >= 0 && !report.has_failed() && !write_exactly(file, piece, size)) {
      report.fail(path, errno);
    }
  }
  return true;
}

bool take_entry(const FileEntry& entry, Path& path, Report& report) {
  if (entry.kind == EntryKind::folder) {
    if (!report.has_failed() && !make_folder(path.text(), entry.mode)) {
      report.fail(path.text(), errno);
    }
    return true;
  }
  const int file = report.has_failed() ? -1 : open_for_writing(path.text());
  if (file < 0) {
    report.fail(path.text(), errno);
  }
  const bool is_host_there = take_content(entry, file, path.text(), report);
  if (file >= 0) {
    if (::fchmod(file, (entry.mode & permission_bits) | owner_may_write) != 0) {
      report.fail(path.text(), errno);
    }
    // Some file systems find out only now that the disk is full.
    if (::close(file) != 0) {
      report.fail(path.text(), errno);
    }
  }
  return is_host_there;
}

class Tree {
 public:
  Tree(const Job& job, Report& report) : job_(job), report_(report) {}

  // False: the host is gone.
  bool give(Path& path, std::size_t root_size, unsigned depth) {
    const int file = ::open(path.text(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat status {};
    if (file < 0 || ::fstat(file, &status) != 0) {
      report_.fail(path.text(), errno);
      if (file >= 0) {
        ::close(file);
      }
      return true;
    }
    const char* below = path.text() + std::min(path.size(), root_size + 1);
    if (S_ISREG(status.st_mode)) {
      const bool is_host_there = give_file(file, status, path.text(), below);
      ::close(file);
      return is_host_there;
    }
    if (!S_ISDIR(status.st_mode) || depth >= max_tree_depth) {
      report_.fail(path.text(), S_ISDIR(status.st_mode) ? ELOOP : EINVAL);
      ::close(file);
      return true;
    }
    return give_header({.kind = EntryKind::folder, .mode = status.st_mode & permission_bits}, below,
                       path.text()) &&
           (report_.has_failed() ? (::close(file), true)
                                 : give_children(file, path, root_size, depth));
  }

 private:
  bool give_header(FileEntry entry, const char* below, const char* path) {
    total_bytes_ += entry.size_bytes;
    if (++entries_ > job_.max_entries || entry.size_bytes > job_.max_file_bytes ||
        total_bytes_ > job_.max_total_bytes) {
      report_.fail(path, EFBIG);
      return true;
    }
    entry.path_bytes = static_cast<std::uint32_t>(std::strlen(below));
    return write_exactly(1, &entry, sizeof entry) && write_exactly(1, below, entry.path_bytes);
  }

  bool give_file(int file, const struct stat& status, const char* path, const char* below) {
    const FileEntry entry{.kind = EntryKind::file,
                          .mode = status.st_mode & permission_bits,
                          .size_bytes = static_cast<std::uint64_t>(status.st_size)};
    if (!give_header(entry, below, path)) {
      return false;
    }
    for (std::uint64_t left = report_.has_failed() ? 0 : entry.size_bytes; left > 0;) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, sizeof piece));
      if (!read_exactly(file, piece, size)) {
        // Shorter than it was, or unreadable: what was announced has to come.
        report_.fail(path, EIO);
        std::memset(piece, 0, size);
      }
      if (!write_exactly(1, piece, size)) {
        return false;
      }
      left -= size;
    }
    return true;
  }

  bool give_children(int file, Path& path, std::size_t root_size, unsigned depth) {
    DIR* folder = ::fdopendir(file);
    if (folder == nullptr) {
      report_.fail(path.text(), errno);
      ::close(file);
      return true;
    }
    const std::size_t size = path.size();
    bool is_host_there = true;
    for (const dirent* entry = nullptr;
         is_host_there && !report_.has_failed() && (entry = ::readdir(folder)) != nullptr;) {
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) {
        continue;
      }
      struct stat status {};
      if (::fstatat(::dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
          (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))) {
        report_.leave_out();
        continue;
      }
      if (!path.add(entry->d_name)) {
        report_.fail(path.text(), ENAMETOOLONG);
        break;
      }
      is_host_there = give(path, root_size, depth + 1);
      path.cut(size);
    }
    ::closedir(folder);
    return is_host_there;
  }

  const Job& job_;
  Report& report_;
  std::uint64_t entries_ = 0;
  std::uint64_t total_bytes_ = 0;
};

}  // namespace

Outcome take_files(const Job& job, const char* text) {
  Report report(job);
  Path path(text);
  if (!make_folders_above(path)) {
    report.fail(path.text(), errno);
  }
  const std::size_t root_size = path.size();
  char below[max_path_bytes + 1];
  for (;;) {
    FileEntry entry;
    if (!read_exactly(0, &entry, sizeof entry) || entry.path_bytes > max_path_bytes ||
        !read_exactly(0, below, entry.path_bytes)) {
      return report.tell(false);
    }
    below[entry.path_bytes] = '\0';
    if (entry.kind == EntryKind::end) {
      return report.tell(true);
    }
    if (!path.add(below)) {
      report.fail(path.text(), ENAMETOOLONG);
    }
    if (!take_entry(entry, path, report)) {
      return report.tell(false);
    }
    path.cut(root_size);
  }
}

Outcome give_files(const Job& job, const char* text) {
  Report report(job);
  Path path(text);
  const FileEntry end;
  const bool is_host_there =
      Tree(job, report).give(path, path.size(), 0) && write_exactly(1, &end, sizeof end);
  return report.tell(is_host_there);
}

}  // namespace omnisandbox::docker::init
