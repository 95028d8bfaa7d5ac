#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

/// Landlock (landlock(7)). The structures and bits are spelled out here, as the headers of the
/// supported systems are older than the kernels that run beneath them. -1 and errno on failure.
namespace omnisandbox::linux_ {

namespace landlock {
inline constexpr std::uint64_t execute = 1ULL << 0;
inline constexpr std::uint64_t write_file = 1ULL << 1;
inline constexpr std::uint64_t read_file = 1ULL << 2;
inline constexpr std::uint64_t read_dir = 1ULL << 3;
inline constexpr std::uint64_t remove_dir = 1ULL << 4;
inline constexpr std::uint64_t remove_file = 1ULL << 5;
inline constexpr std::uint64_t make_char = 1ULL << 6;
inline constexpr std::uint64_t make_dir = 1ULL << 7;
inline constexpr std::uint64_t make_reg = 1ULL << 8;
inline constexpr std::uint64_t make_sock = 1ULL << 9;
inline constexpr std::uint64_t make_fifo = 1ULL << 10;
inline constexpr std::uint64_t make_block = 1ULL << 11;
inline constexpr std::uint64_t make_sym = 1ULL << 12;
inline constexpr std::uint64_t refer = 1ULL << 13;      // version 2
inline constexpr std::uint64_t truncate = 1ULL << 14;   // version 3
inline constexpr std::uint64_t ioctl_dev = 1ULL << 15;  // version 5

inline constexpr std::uint64_t on_files = execute | write_file | read_file | truncate | ioctl_dev;

inline constexpr std::uint64_t net_bind_tcp = 1ULL << 0;  // version 4
inline constexpr std::uint64_t net_connect_tcp = 1ULL << 1;

inline constexpr std::uint64_t scope_abstract_unix_socket = 1ULL << 0;  // version 6
inline constexpr std::uint64_t scope_signal = 1ULL << 1;

/// Everything that version `version` can restrict of the file system.
inline constexpr std::uint64_t file_system_rights(int version) {
  return (make_sym << 1) - 1 + (version >= 2 ? refer : 0) + (version >= 3 ? truncate : 0) +
         (version >= 5 ? ioctl_dev : 0);
}

struct RulesetAttributes {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};
struct __attribute__((packed)) PathBeneath {
  std::uint64_t allowed_access;
  std::int32_t parent_fd;
};
struct NetPort {
  std::uint64_t allowed_access;
  std::uint64_t port;
};
}  // namespace landlock

/// The version of Landlock in this kernel; -1 where there is none.
inline int landlock_version() {
  constexpr unsigned create_ruleset_version = 1;
  return static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, create_ruleset_version));
}
inline int landlock_create_ruleset(const landlock::RulesetAttributes& attributes, int version) {
  const std::size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  return static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
}
inline int landlock_add_path(int ruleset, int file, std::uint64_t access) {
  constexpr int rule_path_beneath = 1;
  const landlock::PathBeneath rule{access, file};
  return static_cast<int>(::syscall(SYS_landlock_add_rule, ruleset, rule_path_beneath, &rule, 0));
}
inline int landlock_add_port(int ruleset, std::uint64_t port, std::uint64_t access) {
  constexpr int rule_net_port = 2;
  const landlock::NetPort rule{access, port};
  return static_cast<int>(::syscall(SYS_landlock_add_rule, ruleset, rule_net_port, &rule, 0));
}
/// Needs no_new_privs.
inline int landlock_restrict_self(int ruleset) {
  return static_cast<int>(::syscall(SYS_landlock_restrict_self, ruleset, 0));
}

}  // namespace omnisandbox::linux_
