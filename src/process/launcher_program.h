#pragma once

#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::process {

/// Opens the launcher: `chosen` where it is not empty, else `omnisandbox-launcher` beside the
/// running executable, in its ../libexec/omnisandbox, or where this build installs it. It must
/// belong to root or this user and be writable by nobody else. `unavailable` otherwise.
Expected<linux_::Fd> open_launcher(const std::string& chosen);

}  // namespace omnisandbox::process
