#pragma once

#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::linux_ {

/// Opens what the user names, for reading; links are followed. Never blocks on a FIFO or a device:
/// those are `invalid_argument`. Errors: `not_found`, `io`.
Expected<Fd> open_regular_file(const std::string& path);

}  // namespace omnisandbox::linux_
