#include "policy/command/absent_command.h"

#include <utility>

#include "base/error.h"

namespace omnisandbox::policy {

Error refused_command(Denial denial) {
  // An outer layer's reason may have something in front.
  if (!std::string_view(denial.reason).ends_with(absent_command_reason)) {
    return Error::from_denial(std::move(denial));
  }
  return base::make_error(ErrorKind::not_found,
                          "there is no command {}: {}; install it, or list another one in "
                          "allowed_commands",
                          base::printable(denial.resource), denial.reason);
}

}  // namespace omnisandbox::policy
