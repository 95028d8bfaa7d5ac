#include "linux/fd.h"

#include <unistd.h>

namespace omnisandbox::linux_ {

void Fd::reset() noexcept {
  if (descriptor_ >= 0) {
    // The descriptor is gone whatever close returns, EINTR included; a second close could hit
    // another thread's file.
    static_cast<void>(::close(std::exchange(descriptor_, -1)));
  }
}

}  // namespace omnisandbox::linux_
