#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "linux/retry.h"
#include "omnisandbox/audit.h"

namespace omnisandbox {
namespace {

// Appends with O_APPEND and an exclusive flock(2) on the file around each record: several processes
// may share one file, a record is never mixed with another, and rotation is seen by all of them.
class JsonLinesAudit final : public AuditSink {
 public:
  /// `path` is absolute and has no links in it.
  JsonLinesAudit(std::filesystem::path path, std::uint64_t rotate_at_bytes, unsigned kept_files)
      : path_(std::move(path)),
        name_(path_.filename()),
        rotate_at_bytes_(rotate_at_bytes),
        kept_files_(kept_files) {}

  Expected<void> open() {
    auto folder = linux_::open_at2(AT_FDCWD, path_.parent_path().native(), O_PATH | O_DIRECTORY, 0,
                                   RESOLVE_NO_SYMLINKS);
    if (!folder) {
      return with_context(std::move(folder).error());
    }
    folder_ = std::move(*folder);
    return open_in_folder();
  }

  Expected<void> write(const AuditRecord& record) override {
    std::string line = to_json_line(record);
    line += '\n';
    const std::lock_guard lock(mutex_);
    const FileLock file_lock(file_);
    TRY(lock_current_file());
    struct stat status = TRY(linux_::stat_of(file_));
    if (status.st_size > 0 &&
        static_cast<std::uint64_t>(status.st_size) + line.size() > rotate_at_bytes_) {
      if (auto rotated = rotate(); !rotated) {
        return with_context(std::move(rotated).error());
      }
      TRY(lock_current_file());
      status = TRY(linux_::stat_of(file_));
    }
    return append(line, status.st_size);
  }

 private:
  // A name that has become a link leads nowhere: whoever can write in the folder must not choose
  // the file that records go to.
  Expected<void> open_in_folder() {
    // Non-blocking, so that a FIFO without a reader is an error and not a hang.
    auto file = linux_::open_at2(folder_.get(), name_,
                                 O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK, 0600,
                                 RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
    if (!file) {
      return with_context(std::move(file).error());
    }
    const struct stat status = TRY(linux_::stat_of(*file));
    if (!S_ISREG(status.st_mode)) {
      return base::make_error(ErrorKind::invalid_argument, "audit file {}: not a regular file",
                              base::printable(path_.native()));
    }
    file_ = std::move(*file);
    return {};
  }

  std::string rotated_name(unsigned number) const { return fmt::format("{}.{}", name_, number); }

  bool exists(const std::string& name) const {
    struct stat status {};
    return ::fstatat(folder_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ||
           errno != ENOENT;
  }

  // Under the lock of the current file. From the oldest on, so that a rotation that breaks off has
  // lost nothing: it leaves a gap, which the next one fills.
  Expected<void> rotate() const {
    unsigned number = 1;
    while (number < kept_files_ && exists(rotated_name(number))) {
      ++number;
    }
    for (; number > 1; --number) {
      TRY(linux_::rename_at(folder_, rotated_name(number - 1), folder_, rotated_name(number)));
    }
    return linux_::rename_at(folder_, name_, folder_, rotated_name(1));
  }

  // Unlocks whatever file the sink has open at the end of a write; rotation may have changed it.
  class FileLock {
   public:
    explicit FileLock(const linux_::Fd& file) : file_(file) {}
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    ~FileLock() { static_cast<void>(::flock(file_.get(), LOCK_UN)); }

   private:
    const linux_::Fd& file_;
  };

  // Locks the file that has the name now. Another process may have rotated it away while this one
  // waited; then the new one is opened, and closing the old one releases its lock.
  Expected<void> lock_current_file() {
    constexpr int max_attempts = 100;
    for (int attempt = 0; attempt < max_attempts; ++attempt) {
      if (linux_::retry_interrupted([&] { return ::flock(file_.get(), LOCK_EX); }) != 0) {
        return with_context(Error::from_errno(errno, "flock", path_.native()));
      }
      const struct stat mine = TRY(linux_::stat_of(file_));
      struct stat named {};
      if (::fstatat(folder_.get(), name_.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
          named.st_ino == mine.st_ino && named.st_dev == mine.st_dev) {
        return {};
      }
      TRY(open_in_folder());
    }
    return base::make_error(ErrorKind::io,
                            "audit file {}: it is replaced faster than it can be opened",
                            base::printable(path_.native()));
  }

  // A record stands whole or not at all: what a full disk cut off is taken back.
  Expected<void> append(std::string_view line, off_t size_before) {
    auto written = linux_::write_full(file_, std::as_bytes(std::span(line)));
    if (!written) {
      if (::ftruncate(file_.get(), size_before) != 0) {
        return with_context(Error::from_errno(errno, "take back half a record", path_.native()));
      }
      return with_context(std::move(written).error());
    }
    return {};
  }

  Error with_context(Error error) const {
    error.message =
        fmt::format("audit file {}: {}", base::printable(path_.native()), error.message);
    return error;
  }

  const std::filesystem::path path_;
  const std::string name_;
  const std::uint64_t rotate_at_bytes_;
  const unsigned kept_files_;
  linux_::Fd folder_;
  std::mutex mutex_;
  linux_::Fd file_;
};

}  // namespace

Expected<std::shared_ptr<AuditSink>> open_json_lines_audit(const std::filesystem::path& path,
                                                           std::uint64_t rotate_at_bytes,
                                                           unsigned kept_files) {
  if (kept_files < 1 || kept_files > max_kept_audit_files) {
    return base::make_error(ErrorKind::invalid_argument,
                            "audit file {}: {} rotated files cannot be kept; 1 to {} can",
                            base::printable(path.native()), kept_files, max_kept_audit_files);
  }
  // The links are those of now: later ones lead no rotation elsewhere.
  std::error_code failure;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failure);
  const std::filesystem::path whole =
      failure ? absolute : std::filesystem::weakly_canonical(absolute, failure);
  if (failure) {
    return Error::from_errno(failure.value(), "resolve", path.native());
  }
  auto sink = std::make_shared<JsonLinesAudit>(whole, rotate_at_bytes, kept_files);
  TRY(sink->open());
  return std::shared_ptr<AuditSink>(std::move(sink));
}

}  // namespace omnisandbox
