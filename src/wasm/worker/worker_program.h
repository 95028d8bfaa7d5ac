#pragma once

#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::wasm::worker {

/// Opens the program of workers: `chosen` where it is not empty, else `omnisandbox-worker` beside
/// the running executable, in its ../libexec/omnisandbox, or where this build installs it. It must
/// belong to root or this user and be writable by nobody else. `unavailable` otherwise.
Expected<linux_::Fd> open_worker_program(const std::string& chosen);

}  // namespace omnisandbox::wasm::worker
