#include "linux/file_writers.h"

#include <fcntl.h>

#include <csignal>

namespace omnisandbox::linux_ {

bool has_no_writer(const Fd& file) noexcept {
  // Who opens it for writing within this moment makes the kernel send a signal, by default one that
  // ends the process. This one is ignored unless somebody asks for it.
  if (::fcntl(file.get(), F_SETSIG, SIGURG) != 0 || ::fcntl(file.get(), F_SETLEASE, F_RDLCK) != 0) {
    return false;
  }
  return ::fcntl(file.get(), F_SETLEASE, F_UNLCK) == 0;
}

}  // namespace omnisandbox::linux_
