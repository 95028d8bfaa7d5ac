#pragma once

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>
#include <utility>

namespace omnisandbox::linux_ {

/// What root becomes for a test. Nobody else's files are his.
inline constexpr unsigned ordinary_user = 65534;

/// Runs `body` in a thread that reaches files as an ordinary user does: as this one, or as
/// `ordinary_user` where this one is root. False where root cannot become him. For tests only.
template <class Body>
bool as_ordinary_user(Body&& body) {
  bool is_ordinary = true;
  std::thread([&] {
    if (::geteuid() == 0) {
      // These three change the calling thread alone. Whoever gives up root's user for files gives
      // up his power over them as well (capabilities(7)).
      ::syscall(SYS_setgroups, 0, nullptr);
      ::setfsgid(ordinary_user);
      ::setfsuid(ordinary_user);
      is_ordinary = ::setfsuid(static_cast<uid_t>(-1)) == static_cast<int>(ordinary_user);
    }
    if (is_ordinary) {
      body();
    }
  }).join();
  return is_ordinary;
}

}  // namespace omnisandbox::linux_
