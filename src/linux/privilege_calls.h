#pragma once

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

/// Giving up privileges. -1 and errno on failure; nothing here allocates.
namespace omnisandbox::linux_ {

/// Each of the three sets as one number, bit N for capability N.
struct CapabilitySets {
  std::uint64_t effective = 0;
  std::uint64_t permitted = 0;
  std::uint64_t inheritable = 0;
};

inline int get_capabilities(CapabilitySets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) {
    return -1;
  }
  const auto both = [&data](auto member) {
    return static_cast<std::uint64_t>(data[0].*member) |
           (static_cast<std::uint64_t>(data[1].*member) << 32);
  };
  sets = {both(&__user_cap_data_struct::effective), both(&__user_cap_data_struct::permitted),
          both(&__user_cap_data_struct::inheritable)};
  return 0;
}

inline int set_capabilities(const CapabilitySets& sets) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  for (unsigned half = 0; half < 2; ++half) {
    data[half].effective = static_cast<std::uint32_t>(sets.effective >> (32 * half));
    data[half].permitted = static_cast<std::uint32_t>(sets.permitted >> (32 * half));
    data[half].inheritable = static_cast<std::uint32_t>(sets.inheritable >> (32 * half));
  }
  return static_cast<int>(::syscall(SYS_capset, &header, data.data()));
}

/// Removes every capability from all sets, and from what an exec could give (bounding and ambient
/// set). Where the caller has no CAP_SETPCAP the bounding set stays; no_new_privs makes it
/// harmless.
inline int drop_all_capabilities() {
  for (int capability = 0; capability <= 63; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      break;  // the last one that this kernel knows, or no right to
    }
  }
  static_cast<void>(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  return set_capabilities({});
}

inline int set_no_new_privileges() { return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

inline int install_seccomp_filter(const sock_fprog& program) {
  return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
}

/// The same for one that hands calls over: the receiving end (seccomp_unotify(2)), close-on-exec.
inline int install_handing_filter(const sock_fprog& program) {
  // A call that was received then is not taken back by signals, which a runtime may send often.
  // Kernels before 5.19 do not know it.
  constexpr unsigned long wait_killable = 1UL << 5;
  const unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  const long listener =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | wait_killable, &program);
  return static_cast<int>(listener >= 0 || errno != EINVAL
                              ? listener
                              : ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

}  // namespace omnisandbox::linux_
