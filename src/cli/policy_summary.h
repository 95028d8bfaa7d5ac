#pragma once

#include <string>

#include "cli/terminal.h"
#include "omnisandbox/config.h"

namespace omnisandbox::cli {

/// What a policy allows, for people: one line for each capability, and the limits.
std::string policy_summary(const Config& config, const Palette& palette);

}  // namespace omnisandbox::cli
