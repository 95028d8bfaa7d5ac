#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <span>

#include "base/error.h"
#include "base/random_id.h"
#include "base/try.h"
#include "host_functions/file_errors.h"
#include "host_functions/file_functions.h"
#include "linux/file_data.h"
#include "linux/file_names.h"
#include "linux/file_system.h"
#include "linux/new_file.h"

namespace omnisandbox::host_functions {
namespace {

using linux_::Fd;
using policy::LocatedPath;

constexpr std::string_view operation = "fs_write";
constexpr unsigned new_file_mode = 0666;  // the process's umask takes away from it
// Set-user-id, set-group-id and sticky bits are not handed on to content that somebody else wrote.
constexpr mode_t kept_mode_bits = 0777;
// fchown(2) leaves alone what is -1.
constexpr auto same_user = static_cast<uid_t>(-1);
constexpr auto same_group = static_cast<gid_t>(-1);
// Between two of these the deadline is looked at.
constexpr std::size_t max_write_step_bytes = 8 * 1024 * 1024;
// Each try fails only because somebody else removed our temporary name in between.
constexpr int max_tries = 4;

Expected<void> sync_folder(const Fd& folder) {
  // The handle at hand is O_PATH, which fsync(2) does not take.
  const Fd readable =
      TRY(linux_::open_at2(folder.get(), ".", O_RDONLY | O_DIRECTORY, 0, linux_::resolve_exactly));
  return linux_::sync_all(readable);
}

Expected<void> write_all(const RunContext& context, const Fd& file, std::string_view content) {
  while (!content.empty()) {
    TRY(context.check_time());
    const std::string_view step = content.substr(0, max_write_step_bytes);
    TRY(linux_::write_full(file, std::as_bytes(std::span(step))));
    content.remove_prefix(step.size());
  }
  return {};
}

// A group that the new file cannot be given must not lend its permissions to another one: that gets
// what everybody has.
mode_t without_group(mode_t mode) { return (mode & ~mode_t{070}) | ((mode & 07) << 3); }

// Access to the new file is what it was to the old one, as far as this user may say so.
Expected<void> keep_access(const Fd& file, const LocatedPath& target, const struct stat& old_file) {
  TRY(linux_::copy_attributes(target.parent, target.name, file));
  const struct stat now = TRY(linux_::stat_of(file));
  mode_t mode = old_file.st_mode & kept_mode_bits;
  if (now.st_uid != old_file.st_uid) {
    // Only privileged users give files away; for others the new file is theirs, as with any editor.
    static_cast<void>(linux_::set_owner(file, old_file.st_uid, same_group).has_value());
  }
  if (now.st_gid != old_file.st_gid && !linux_::set_owner(file, same_user, old_file.st_gid)) {
    mode = without_group(mode);
  }
  if ((now.st_mode & kept_mode_bits) == mode) {
    return {};
  }
  return linux_::set_mode(file, mode);
}

// Writes a file beside the target and gives it the target's name.
class Replacement {
 public:
  Replacement(const RunContext& context, const LocatedPath& target, std::string_view content,
              const WriteOptions& options)
      : context_(context), target_(target), content_(content), options_(options) {}

  Expected<void> run() {
    for (int attempt = 1;; ++attempt) {
      auto done = put();
      // ENOENT where the folder still has a name for itself: the temporary name was taken from us.
      if (done || done.error().system_errno != ENOENT || attempt == max_tries) {
        return done;
      }
    }
  }

 private:
  // The file has no name while it is written, so a crash leaves nothing behind. rename(2) wants a
  // name: it has a temporary one for the moment between two calls, and only where it replaces a
  // file.
  Expected<void> put() {
    const auto file = linux_::open_unnamed_in(target_.parent, new_file_mode);
    if (!file && file.error().system_errno == EOPNOTSUPP) {
      return put_by_name();
    }
    if (!file) {
      return file.error();
    }
    TRY(fill(*file));
    if (!target_.status) {
      auto named = linux_::name_unnamed(*file, target_.parent, target_.name);
      if (named || options_.mode == WriteMode::create_new || named.error().system_errno != EEXIST) {
        return named;
      }
    }
    TRY(lock(*file));
    const auto name_it = [&](const std::string& name) {
      return linux_::name_unnamed(*file, target_.parent, name);
    };
    return move_into_place(TRY(take_name(name_it)));
  }

  // For file systems without unnamed files: the temporary name exists while the content is written.
  Expected<void> put_by_name() {
    Fd file;
    const auto create = [&](const std::string& name) -> Expected<void> {
      file = TRY(linux_::open_at2(target_.parent.get(), name, O_WRONLY | O_CREAT | O_EXCL,
                                  new_file_mode, linux_::resolve_exactly));
      return {};
    };
    const std::string temporary = TRY(take_name(create));
    auto filled = lock(file);
    filled = filled ? fill(file) : filled;
    if (!filled) {
      remove(temporary);
      return filled;
    }
    if (options_.mode == WriteMode::create_new) {
      auto linked = linux_::link_at(target_.parent, temporary, target_.parent, target_.name);
      remove(temporary);
      return linked;
    }
    return move_into_place(temporary);
  }

  Expected<void> fill(const Fd& file) const {
    TRY(write_all(context_, file, content_));
    if (target_.status) {
      TRY(keep_access(file, target_, *target_.status));
    }
    if (options_.durability == Durability::synced) {
      TRY(linux_::sync_all(file));
    }
    return {};
  }

  // Shows that the writer lives, for as long as the file has a temporary name.
  static Expected<void> lock(const Fd& file) {
    TRY(linux_::try_lock(file));
    return {};
  }

  // A temporary name that `take` made. It is the same for every write of this target, so that the
  // next write finds what a killed one left; only when another writer is at work it is another one.
  template <class Take>
  Expected<std::string> take_name(Take&& take) const {
    std::string name =
        fmt::format(".omnisandbox-{:016x}.tmp", std::hash<std::string_view>()(target_.name));
    auto taken = take(name);
    if (!taken && taken.error().system_errno == EEXIST && remove_leftover(name)) {
      taken = take(name);
    }
    if (!taken && taken.error().system_errno == EEXIST) {
      name = fmt::format(".omnisandbox-{}.tmp", base::random_id());
      taken = take(name);
    }
    if (!taken) {
      return std::move(taken).error();
    }
    return name;
  }

  // Whoever gets the lock knows that the writer is gone, and that nobody else removes the name
  // meanwhile.
  bool remove_leftover(const std::string& temporary) const {
    const auto status = linux_::stat_at(target_.parent, temporary);
    if (!status || !S_ISREG(status->st_mode)) {
      return false;
    }
    const auto file = linux_::open_at2(target_.parent.get(), temporary, O_RDONLY | O_NONBLOCK, 0,
                                       linux_::resolve_exactly);
    return file && linux_::try_lock(*file).value_or(false) &&
           linux_::remove_file_at(target_.parent, temporary);
  }

  Expected<void> move_into_place(const std::string& temporary) const {
    auto renamed = linux_::rename_at(target_.parent, temporary, target_.parent, target_.name);
    if (!renamed) {
      remove(temporary);
    }
    return renamed;
  }

  // Best effort: the error that led here is the one to tell.
  void remove(const std::string& temporary) const {
    static_cast<void>(linux_::remove_file_at(target_.parent, temporary).has_value());
  }

  const RunContext& context_;
  const LocatedPath& target_;
  std::string_view content_;
  const WriteOptions& options_;
};

Denial several_names(std::string_view path, const LocatedPath& target) {
  return Denial{.capability = Capability::fs_write,
                .resource = std::string(path),
                .rule = target.rule,
                .reason = fmt::format("the file has {} names (hard links), and the others may lie "
                                      "outside of what the policy opens",
                                      target.status->st_nlink),
                .remedy = "allow_hard_links: true"};
}

// What has the name already must be a file that may be replaced or continued.
Expected<void> check_old_file(std::string_view path, const struct stat& old_file, WriteMode mode) {
  if (mode == WriteMode::create_new) {
    return file_error(ErrorKind::already_exists, EEXIST, path, "the name is taken");
  }
  if (S_ISDIR(old_file.st_mode)) {
    return file_error(ErrorKind::invalid_argument, EISDIR, path, "it is a folder");
  }
  if (!S_ISREG(old_file.st_mode)) {
    return file_error(ErrorKind::invalid_argument, EOPNOTSUPP, path,
                      "it is a device, FIFO or socket; only regular files are written");
  }
  return {};
}

Expected<void> check_size(const RunContext& context, std::string_view path, std::uint64_t size) {
  const std::uint64_t limit = context.limits().max_file_bytes;
  if (size > limit) {
    return file_error(ErrorKind::too_large, EFBIG, path,
                      fmt::format("it would have {} bytes, and a file may have {}; write less, or "
                                  "raise max_file_bytes",
                                  size, limit));
  }
  return {};
}

// Takes back what was appended, where nobody else appended meanwhile: a full disk must not leave
// half of it.
void take_back(const Fd& file, std::uint64_t old_size) {
  const auto status = linux_::stat_of(file);
  const auto position = linux_::position_of(file);
  if (status && position && static_cast<std::uint64_t>(status->st_size) == *position) {
    static_cast<void>(linux_::set_size(file, old_size).has_value());
  }
}

Expected<void> append(RunContext& context, const LocatedPath& target, std::string_view path,
                      std::string_view content, const WriteOptions& options) {
  // By the path that was located, and through no link: what was judged and audited is what grows.
  auto opened =
      context.gate().open({.path = target.canonical,
                           .use = policy::PathUse::write,
                           .follow_last = policy::FollowLast::no},
                          O_WRONLY | O_APPEND | (target.status ? 0 : O_CREAT), new_file_mode);
  if (!opened) {
    return context.pass_on(operation, std::move(opened).error());
  }
  const auto old_size = static_cast<std::uint64_t>(opened->status.st_size);
  TRY(check_size(context, path, old_size + content.size()));
  if (auto written = write_all(context, opened->file, content); !written) {
    take_back(opened->file, old_size);
    return written;
  }
  if (options.durability == Durability::synced) {
    TRY(linux_::sync_all(opened->file));
    return target.status ? Expected<void>() : sync_folder(target.parent);
  }
  return {};
}

Expected<void> replace(const RunContext& context, const LocatedPath& target,
                       std::string_view content, const WriteOptions& options) {
  TRY(Replacement(context, target, content, options).run());
  return options.durability == Durability::synced ? sync_folder(target.parent) : Expected<void>();
}

}  // namespace

Expected<void> write_file(RunContext& context, std::string_view path, std::string_view content,
                          WriteOptions options) {
  TRY(context.begin_call());
  auto target = context.gate().locate(
      {.path = path, .use = policy::PathUse::write, .view = context.options().path_view});
  if (!target) {
    return context.pass_on(operation, std::move(target).error());
  }
  if (target->status && S_ISREG(target->status->st_mode) && target->status->st_nlink > 1 &&
      !context.compiled().allows_hard_links()) {
    return context.refused(operation, several_names(path, *target));
  }
  TRY(context.granted(Capability::fs_write, operation, path, target->rule));
  if (target->wants_directory || target->name == ".") {
    return file_error(ErrorKind::invalid_argument, EISDIR, path, "it names a folder");
  }
  if (target->status) {
    TRY(check_old_file(path, *target->status, options.mode));
  }
  TRY(check_size(context, path, content.size()));
  TRY(context.charge_write(content.size()));
  if (!target->status) {
    TRY(context.charge_file_created());
  }
  auto written = options.mode == WriteMode::append
                     ? append(context, *target, path, content, options)
                     : replace(context, *target, content, options);
  if (!written && written.error().system_errno != 0) {
    return file_error("writing", path, written.error());
  }
  return written;
}

}  // namespace omnisandbox::host_functions
