#pragma once

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

/// The calls of the mount interface with file handles (Linux 5.2 to 5.12), as thin as the C library
/// would make them: -1 and errno. They serve the launcher, which must stay small; nothing here
/// allocates. <sys/mount.h> cannot be included together with <linux/mount.h>.
namespace omnisandbox::linux_ {

inline int open_tree(int folder, const char* path, unsigned flags) {
  return static_cast<int>(::syscall(SYS_open_tree, folder, path, flags));
}
inline int move_mount(int from, const char* from_path, int to, const char* to_path,
                      unsigned flags) {
  return static_cast<int>(::syscall(SYS_move_mount, from, from_path, to, to_path, flags));
}
inline int mount_setattr(int folder, const char* path, unsigned flags, mount_attr* attributes) {
  return static_cast<int>(
      ::syscall(SYS_mount_setattr, folder, path, flags, attributes, sizeof *attributes));
}
inline int fs_open(const char* type) {
  return static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}
inline int fs_config(int context, unsigned command, const char* key, const char* value) {
  return static_cast<int>(::syscall(SYS_fsconfig, context, command, key, value, 0));
}
inline int fs_mount(int context, unsigned attributes) {
  return static_cast<int>(::syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes));
}
inline int pivot_root(const char* new_root, const char* put_old) {
  return static_cast<int>(::syscall(SYS_pivot_root, new_root, put_old));
}
inline int unmount(const char* path, int flags) {
  return static_cast<int>(::syscall(SYS_umount2, path, flags));
}
/// openat2(2); O_CLOEXEC is added.
inline int open_how_at(int folder, const char* path, std::uint64_t flags, std::uint64_t resolve,
                       std::uint64_t mode = 0) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  return static_cast<int>(::syscall(SYS_openat2, folder, path, &how, sizeof how));
}

}  // namespace omnisandbox::linux_
