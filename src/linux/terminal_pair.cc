#include "linux/terminal_pair.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "linux/file_system.h"

namespace omnisandbox::linux_ {

Expected<TerminalPair> make_terminal_pair() {
  // openat2(2) takes O_NOCTTY as open(2) does.
  auto outer = open_at2(AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY, 0, 0);
  if (!outer) {
    return std::move(outer).error();
  }
  int locked = 0;
  if (::ioctl(outer->get(), TIOCSPTLCK, &locked) != 0) {
    return Error::from_errno(errno, "ioctl TIOCSPTLCK", "a pseudo-terminal");
  }
  // By the outer side itself: its name in /dev/pts could belong to another mount of devpts.
  Fd inner(::ioctl(outer->get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!inner.is_open()) {
    return Error::from_errno(errno, "ioctl TIOCGPTPEER", "a pseudo-terminal");
  }
  return TerminalPair{std::move(*outer), std::move(inner)};
}

Expected<Fd> duplicate(const Fd& file) {
  Fd copy(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.is_open()) {
    return Error::from_errno(errno, "fcntl F_DUPFD_CLOEXEC", "a descriptor");
  }
  return copy;
}

}  // namespace omnisandbox::linux_
