#pragma once

#include <string>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "policy/path/path_gate.h"

namespace omnisandbox::policy {

/// Whether what `canonical` names in `parent` may get another name, beyond what its rules say of
/// it. A folder may not, while it holds something that the policy hides, or opens for reading only:
/// whoever looks through the folders above it at this moment, to cover such names for a command,
/// would see it at neither place. Anything but a folder may. Errors: `denied`, `too_large`,
/// `timeout` (the question's deadline), `io`.
Expected<void> check_movable(const PathJudge& judge, const PathQuestion& question,
                             const linux_::Fd& parent, const std::string& canonical);

}  // namespace omnisandbox::policy
