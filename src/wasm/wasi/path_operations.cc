#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "linux/file_names.h"
#include "linux/file_system.h"
#include "wasm/wasi/filestat.h"
#include "wasm/wasi/path_argument.h"
#include "wasm/wasi/write_rules.h"

namespace omnisandbox::wasm::wasi {
namespace {

using policy::FollowLast;
using policy::PathUse;

// Cut down by the umask of the host's process, as everywhere.
constexpr unsigned new_directory_mode = 0777;

tl::expected<FollowLast, Errno> follow_of(std::uint32_t lookup_flags) {
  if ((lookup_flags & ~lookup_symlink_follow) != 0) {
    return tl::unexpected(Errno::inval);
  }
  return FollowLast((lookup_flags & lookup_symlink_follow) != 0);
}

struct Looked {
  policy::OpenedPath path;
  struct stat status {};
};

// A handle that can do nothing but be looked at, for a file, folder or link.
tl::expected<Looked, Errno> look_up(GuestCall& call, std::string_view operation,
                                    const PathArgument& argument, PathUse use, FollowLast follow) {
  host_functions::RunContext& context = call.run.context;
  const policy::PathQuestion question = argument.question(use, follow);
  auto opened = context.gate().open(
      question, O_PATH | (static_cast<bool>(question.follow_last) ? 0 : O_NOFOLLOW));
  if (!opened) {
    return tl::unexpected(fail(call, operation, std::move(opened).error()));
  }
  const Capability capability = use == PathUse::read ? Capability::fs_read : Capability::fs_write;
  if (auto granted = context.granted(capability, operation, argument.path, opened->rule);
      !granted) {
    return tl::unexpected(fail(call, operation, std::move(granted).error()));
  }
  const auto status = linux_::stat_of(opened->file);
  if (!status) {
    return tl::unexpected(fail(call, operation, status.error()));
  }
  if (argument.wants_directory && !S_ISDIR(status->st_mode)) {
    return tl::unexpected(Errno::notdir);
  }
  return Looked{std::move(*opened), *status};
}

// Removing differs in the call alone.
Errno remove(GuestCall& call, std::string_view operation, GuestFd fd, Rights needed, Pointer path,
             Size path_length, Expected<void> (*remove_at)(const linux_::Fd&, std::string_view)) {
  const auto argument = take_path(call, operation, fd, needed, path, path_length);
  if (!argument) {
    return argument.error();
  }
  const auto located = locate_for_change(call, operation, *argument, PathUse::write);
  if (!located) {
    return located.error();
  }
  const auto removed = remove_at(located->parent, argument->name_of(*located));
  return removed ? Errno::success : fail(call, operation, removed.error());
}

}  // namespace

Errno path_create_directory(GuestCall& call, GuestFd fd, Pointer path, Size path_length) {
  constexpr std::string_view operation = "wasi.path_create_directory";
  const auto argument =
      take_path(call, operation, fd, rights::path_create_directory, path, path_length);
  if (!argument) {
    return argument.error();
  }
  if (argument->names_itself) {
    return Errno::exist;
  }
  const auto located = locate_for_change(call, operation, *argument, PathUse::write);
  if (!located) {
    return located.error() == Errno::busy ? Errno::exist : located.error();
  }
  // A name that is taken creates nothing, so it costs nothing of what may be created.
  if (linux_::stat_at(located->parent, located->name)) {
    return Errno::exist;
  }
  if (auto charged = call.run.context.charge_file_created(); !charged) {
    return fail(call, operation, std::move(charged).error());
  }
  const auto made = linux_::make_directory_at(located->parent, located->name, new_directory_mode);
  return made ? Errno::success : fail(call, operation, made.error());
}

Errno path_filestat_get(GuestCall& call, GuestFd fd, std::uint32_t lookup_flags, Pointer path,
                        Size path_length, Pointer filestat) {
  constexpr std::string_view operation = "wasi.path_filestat_get";
  const auto argument =
      take_path(call, operation, fd, rights::path_filestat_get, path, path_length);
  if (!argument) {
    return argument.error();
  }
  const auto follow = follow_of(lookup_flags);
  if (!follow) {
    return follow.error();
  }
  if (!call.memory.slice(filestat, sizeof(Filestat))) {
    return Errno::fault;
  }
  Filestat stat;
  if (argument->is_the_directory && argument->directory->is_folder_of_files) {
    stat.filetype = FileType::directory;
    stat.link_count = 1;
  } else {
    const auto looked = look_up(call, operation, *argument, PathUse::read, *follow);
    if (!looked) {
      return looked.error();
    }
    stat = filestat_of(looked->status);
  }
  return call.memory.store(filestat, stat) ? Errno::success : Errno::fault;
}

Errno path_filestat_set_times(GuestCall& call, GuestFd fd, std::uint32_t lookup_flags, Pointer path,
                              Size path_length, std::uint64_t accessed, std::uint64_t modified,
                              std::uint32_t flags) {
  constexpr std::string_view operation = "wasi.path_filestat_set_times";
  const auto argument =
      take_path(call, operation, fd, rights::path_filestat_set_times, path, path_length);
  if (!argument) {
    return argument.error();
  }
  const auto follow = follow_of(lookup_flags);
  if (!follow) {
    return follow.error();
  }
  const auto times = file_times_of(accessed, modified, flags);
  if (!times) {
    return times.error();
  }
  const auto looked = look_up(call, operation, *argument, PathUse::write, *follow);
  if (!looked) {
    return looked.error();
  }
  if (const Errno refused =
          check_link_count(call, operation, looked->status, looked->path.canonical);
      refused != Errno::success) {
    return refused;
  }
  const auto set = linux_::set_times(looked->path.file, *times);
  return set ? Errno::success : fail(call, operation, set.error());
}

Errno path_readlink(GuestCall& call, GuestFd fd, Pointer path, Size path_length, Pointer buffer,
                    Size buffer_length, Pointer used) {
  constexpr std::string_view operation = "wasi.path_readlink";
  const auto argument = take_path(call, operation, fd, rights::path_readlink, path, path_length);
  if (!argument) {
    return argument.error();
  }
  const auto bytes = call.memory.slice(buffer, buffer_length);
  if (!bytes || !call.memory.slice(used, sizeof(Size))) {
    return Errno::fault;
  }
  if (argument->names_itself || argument->wants_directory) {
    return Errno::inval;
  }
  host_functions::RunContext& context = call.run.context;
  auto located = context.gate().locate(argument->name_question(PathUse::read));
  if (!located) {
    return fail(call, operation, std::move(located).error());
  }
  if (auto granted = context.granted(Capability::fs_read, operation, argument->path, located->rule);
      !granted) {
    return fail(call, operation, std::move(granted).error());
  }
  const auto target = linux_::read_link_at(located->parent, located->name);
  if (!target) {
    return fail(call, operation, target.error());
  }
  const std::size_t length = std::min(target->size(), bytes->size());
  std::copy_n(target->begin(), length, bytes->begin());
  return call.memory.store(used, static_cast<Size>(length)) ? Errno::success : Errno::fault;
}

Errno path_remove_directory(GuestCall& call, GuestFd fd, Pointer path, Size path_length) {
  return remove(call, "wasi.path_remove_directory", fd, rights::path_remove_directory, path,
                path_length, &linux_::remove_directory_at);
}

Errno path_unlink_file(GuestCall& call, GuestFd fd, Pointer path, Size path_length) {
  return remove(call, "wasi.path_unlink_file", fd, rights::path_unlink_file, path, path_length,
                &linux_::remove_file_at);
}

}  // namespace omnisandbox::wasm::wasi
