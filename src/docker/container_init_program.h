#pragma once

#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// Opens the program that runs first in a container: `chosen` where it is not empty, else
/// `omnisandbox-container-init` beside the running executable, in its ../libexec/omnisandbox, or
/// where this build installs it. It must belong to root or this user and be writable by nobody
/// else. `unavailable` otherwise.
Expected<linux_::Fd> open_container_init(const std::string& chosen);

}  // namespace omnisandbox::docker
