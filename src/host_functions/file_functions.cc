#include "host_functions/file_functions.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "base/error.h"
#include "base/try.h"
#include "host_functions/file_errors.h"
#include "linux/file_data.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "policy/path/path_text.h"

namespace omnisandbox::host_functions {
namespace {

// A listing is kept in memory; a folder beyond this is a data set, to be read by its names.
constexpr std::size_t max_listed_entries = 100'000;
// For files whose size the kernel does not tell (those of /proc have size 0), and as much as fits
// well on a stack.
constexpr std::size_t small_read_bytes = 16 * 1024;
// Between two of these the deadline is looked at.
constexpr std::uint64_t max_read_step_bytes = 8 * 1024 * 1024;
constexpr auto max_offset = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());

Expected<policy::OpenedPath> open_granted(RunContext& context, std::string_view operation,
                                          std::string_view path, int flags) {
  TRY(context.begin_call());
  auto opened = context.gate().open({.path = path, .view = context.options().path_view}, flags);
  if (!opened) {
    return context.pass_on(operation, std::move(opened).error());
  }
  TRY(context.granted(Capability::fs_read, operation, path, opened->rule));
  return opened;
}

/// The name itself, not what a link of that name leads to.
Expected<policy::LocatedPath> locate_granted(RunContext& context, std::string_view operation,
                                             std::string_view path) {
  TRY(context.begin_call());
  auto located = context.gate().locate({.path = path,
                                        .use = policy::PathUse::write,
                                        .view = context.options().path_view,
                                        .follow_last = policy::FollowLast::no});
  if (!located) {
    return context.pass_on(operation, std::move(located).error());
  }
  TRY(context.granted(Capability::fs_write, operation, path, located->rule));
  return located;
}

Error too_large(std::string_view path, std::uint64_t limit_bytes) {
  return file_error(ErrorKind::too_large, EFBIG, path,
                    fmt::format("it has more than the {} bytes that one read may give; read a "
                                "range of it, or raise max_file_bytes",
                                limit_bytes));
}

// One read of what is wanted of a file, bounded by what really comes and not by what the file says
// of itself.
class Reading {
 public:
  Reading(const RunContext& context, std::string_view path, const policy::OpenedPath& opened,
          const ReadRange& range)
      : context_(context), path_(path), file_(opened.file), offset_(range.offset) {
    const auto size = static_cast<std::uint64_t>(opened.status.st_size);
    const std::uint64_t rest = size > offset_ ? size - offset_ : 0;
    limit_ = context.limits().max_file_bytes;
    // One byte more than the limit shows that there is more.
    most_ = std::min(range.length.value_or(limit_ + 1), limit_ + 1);
    expected_ = std::min(rest, range.length.value_or(rest));
  }

  Expected<std::string> run() {
    // The kernel refuses what would pass the end of all offsets; no file has anything there.
    if (most_ == 0 || offset_ > max_offset - most_) {
      return std::string();
    }
    if (expected_ > limit_) {
      return too_large(path_, limit_);
    }
    // The usual small file comes with one call, and is copied once out of memory that nobody had to
    // clear.
    if (expected_ < small_read_bytes) {
      std::array<std::byte, small_read_bytes> small;
      const auto buffer = std::span(small).first(std::min<std::size_t>(small.size(), most_));
      const std::size_t count = TRY(read_into(buffer));
      content_.assign(reinterpret_cast<const char*>(small.data()), count);
      note(count, buffer.size());
    }
    while (!is_complete_) {
      TRY(read_more());
    }
    if (content_.size() > limit_) {
      return too_large(path_, limit_);
    }
    return std::move(content_);
  }

 private:
  // Reads at the place where `content_` ends.
  Expected<std::size_t> read_into(std::span<std::byte> buffer) const {
    const iovec vector{buffer.data(), buffer.size()};
    auto count = linux_::read_vectors_at(file_, std::span(&vector, 1), offset_ + content_.size());
    if (!count) {
      return file_error("reading", path_, count.error());
    }
    return count;
  }

  // After a read of `count` bytes, which are in `content_` now, where `asked` would have been
  // taken.
  void note(std::size_t count, std::size_t asked) {
    const bool ended_where_expected = content_.size() == expected_ && count < asked;
    is_complete_ = count == 0 || content_.size() == most_ || ended_where_expected;
  }

  Expected<void> read_more() {
    TRY(context_.check_time());
    const std::size_t before = content_.size();
    // One byte more than is expected: at the end of the file the kernel gives less.
    const std::uint64_t ahead = expected_ >= before ? expected_ - before + 1 : before;
    const std::uint64_t wanted = std::max<std::uint64_t>(ahead, small_read_bytes);
    const std::uint64_t step = std::min({wanted, most_ - before, max_read_step_bytes});
    std::string more(step, '\0');
    const std::size_t count = TRY(read_into(std::as_writable_bytes(std::span(more))));
    more.resize(count);
    if (before == 0) {
      content_ = std::move(more);
    } else {
      content_ += more;
    }
    note(count, step);
    return {};
  }

  const RunContext& context_;
  std::string_view path_;
  const linux_::Fd& file_;
  std::uint64_t offset_;
  std::uint64_t limit_ = 0;
  std::uint64_t most_ = 0;      // bytes to keep; reaching it ends the read
  std::uint64_t expected_ = 0;  // bytes that the file seemed to have when it was opened
  std::string content_;
  bool is_complete_ = false;
};

FileType type_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG:
      return FileType::regular;
    case S_IFDIR:
      return FileType::directory;
    case S_IFLNK:
      return FileType::symlink;
    default:
      return FileType::other;
  }
}

FileType type_of(const linux_::Fd& folder, const linux_::RawDirectoryEntry& entry) {
  switch (entry.type) {
    case DT_REG:
      return FileType::regular;
    case DT_DIR:
      return FileType::directory;
    case DT_LNK:
      return FileType::symlink;
    case DT_UNKNOWN: {
      // Some file systems do not say.
      const auto status = linux_::stat_at(folder, entry.name);
      return status ? type_of(status->st_mode) : FileType::other;
    }
    default:
      return FileType::other;
  }
}

}  // namespace

Expected<std::string> read_file(RunContext& context, std::string_view path, ReadRange range) {
  const policy::OpenedPath opened = TRY(open_granted(context, "fs_read", path, O_RDONLY));
  if (S_ISDIR(opened.status.st_mode)) {
    return file_error(ErrorKind::invalid_argument, EISDIR, path, "it is a folder; list it instead");
  }
  return Reading(context, path, opened, range).run();
}

Expected<FileInfo> stat_file(RunContext& context, std::string_view path) {
  const policy::OpenedPath opened = TRY(open_granted(context, "fs_read.stat", path, O_PATH));
  const struct stat& status = opened.status;
  const auto modified = std::chrono::seconds(status.st_mtim.tv_sec) +
                        std::chrono::nanoseconds(status.st_mtim.tv_nsec);
  return FileInfo{.type = type_of(status.st_mode),
                  .size_bytes = static_cast<std::uint64_t>(status.st_size),
                  .modified = std::chrono::system_clock::time_point(
                      std::chrono::duration_cast<std::chrono::system_clock::duration>(modified)),
                  .mode = status.st_mode & 07777U};
}

Expected<std::vector<DirectoryEntry>> list_files(RunContext& context, std::string_view path) {
  const policy::OpenedPath opened =
      TRY(open_granted(context, "fs_read.list", path, O_RDONLY | O_DIRECTORY));
  auto raw = linux_::list_directory(opened.file, max_listed_entries);
  if (!raw) {
    return file_error("listing", path, raw.error());
  }
  std::vector<DirectoryEntry> entries;
  entries.reserve(raw->size());
  for (linux_::RawDirectoryEntry& entry : *raw) {
    const std::string canonical = policy::join(opened.canonical, entry.name);
    if (context.compiled().judge_path(canonical, policy::PathUse::read, canonical)) {
      const FileType type = type_of(opened.file, entry);
      entries.push_back({.name = std::move(entry.name), .type = type});
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  return entries;
}

Expected<void> delete_file(RunContext& context, std::string_view path) {
  const policy::LocatedPath located = TRY(locate_granted(context, "fs_write.delete", path));
  if (located.name == ".") {
    return file_error(ErrorKind::invalid_argument, EBUSY, path,
                      "it is an allowed folder itself, which can be emptied and not deleted");
  }
  auto removed = located.wants_directory
                     ? Expected<void>(Error::from_errno(EISDIR, "unlinkat", path))
                     : linux_::remove_file_at(located.parent, located.name);
  if (!removed && removed.error().system_errno == EISDIR) {
    removed = linux_::remove_directory_at(located.parent, located.name);
  }
  if (!removed) {
    return file_error("deleting", path, removed.error());
  }
  return {};
}

Expected<void> make_directory(RunContext& context, std::string_view path) {
  constexpr unsigned mode = 0777;  // the process's umask takes away from it
  const policy::LocatedPath located = TRY(locate_granted(context, "fs_write.make_directory", path));
  // A name that is taken creates nothing, so it costs nothing of what may be created.
  if (located.name == "." || linux_::stat_at(located.parent, located.name)) {
    return file_error(ErrorKind::already_exists, EEXIST, path, "the name is taken");
  }
  TRY(context.charge_file_created());
  if (auto made = linux_::make_directory_at(located.parent, located.name, mode); !made) {
    return file_error("creating", path, made.error());
  }
  return {};
}

}  // namespace omnisandbox::host_functions
