#include "process/watched_calls.h"

#include <sys/syscall.h>

#include <algorithm>

namespace omnisandbox::process {
namespace {

constexpr WatchedCall at(int number, PathAction action) {
  return {.number = number, .action = action, .path = 1, .folder = 0};
}

constexpr WatchedCall calls[] = {
    {.number = SYS_openat, .action = PathAction::open, .path = 1, .folder = 0, .flags = 2},
    at(SYS_newfstatat, PathAction::look),
    at(SYS_statx, PathAction::look),
    at(SYS_faccessat, PathAction::look),
    at(SYS_faccessat2, PathAction::look),
    at(SYS_readlinkat, PathAction::look),
    {.number = SYS_statfs, .action = PathAction::look, .path = 0},
    {.number = SYS_chdir, .action = PathAction::look, .path = 0},
    {.number = SYS_execve, .action = PathAction::execute, .path = 0},
    at(SYS_execveat, PathAction::execute),
    at(SYS_mkdirat, PathAction::create),
    at(SYS_mknodat, PathAction::create),
    at(SYS_unlinkat, PathAction::change),
    at(SYS_fchmodat, PathAction::change),
    at(SYS_fchownat, PathAction::change),
    at(SYS_utimensat, PathAction::change),
    {.number = SYS_truncate, .action = PathAction::change, .path = 0},
    {.number = SYS_symlinkat, .action = PathAction::create, .path = 2, .folder = 1},
    {.number = SYS_linkat,
     .action = PathAction::look,
     .path = 1,
     .folder = 0,
     .second_path = 3,
     .second_folder = 2},
    {.number = SYS_renameat2,
     .action = PathAction::move,
     .path = 1,
     .folder = 0,
     .second_path = 3,
     .second_folder = 2},
#if defined(__x86_64__)
    // What newer architectures have left out.
    {.number = SYS_open, .action = PathAction::open, .path = 0, .flags = 1},
    {.number = SYS_creat, .action = PathAction::create, .path = 0},
    {.number = SYS_stat, .action = PathAction::look, .path = 0},
    {.number = SYS_lstat, .action = PathAction::look, .path = 0},
    {.number = SYS_access, .action = PathAction::look, .path = 0},
    {.number = SYS_readlink, .action = PathAction::look, .path = 0},
    {.number = SYS_mkdir, .action = PathAction::create, .path = 0},
    {.number = SYS_mknod, .action = PathAction::create, .path = 0},
    {.number = SYS_rmdir, .action = PathAction::change, .path = 0},
    {.number = SYS_unlink, .action = PathAction::change, .path = 0},
    {.number = SYS_chmod, .action = PathAction::change, .path = 0},
    {.number = SYS_chown, .action = PathAction::change, .path = 0},
    {.number = SYS_lchown, .action = PathAction::change, .path = 0},
    {.number = SYS_symlink, .action = PathAction::create, .path = 1},
    {.number = SYS_link, .action = PathAction::look, .path = 0, .second_path = 1},
    {.number = SYS_rename, .action = PathAction::move, .path = 0, .second_path = 1},
    {.number = SYS_renameat,
     .action = PathAction::move,
     .path = 1,
     .folder = 0,
     .second_path = 3,
     .second_folder = 2},
#endif
};
// Each takes two instructions, and one jump passes them all.
static_assert(std::size(calls) * 2 < 250);

}  // namespace

std::span<const WatchedCall> watched_calls() { return calls; }

const WatchedCall* find_watched_call(int number) {
  const auto found = std::find_if(std::begin(calls), std::end(calls),
                                  [number](const auto& call) { return call.number == number; });
  return found == std::end(calls) ? nullptr : found;
}

}  // namespace omnisandbox::process
