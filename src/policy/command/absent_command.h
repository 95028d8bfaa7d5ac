#pragma once

#include <string_view>

#include "omnisandbox/error.h"

namespace omnisandbox::policy {

/// How CommandRules refuses a command that a rule lists and that no file stands for.
inline constexpr std::string_view absent_command_reason =
    "the command is listed but was absent when the policy was compiled";

/// The Error for the refusal of a command that was to run: `not_found` for one that is allowed and
/// absent, else the denial.
Error refused_command(Denial denial);

}  // namespace omnisandbox::policy
