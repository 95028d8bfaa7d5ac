#pragma once

#include <vector>

#include "omnisandbox/policy.h"
#include "omnisandbox/policy_file.h"

namespace omnisandbox {

/// As `lint(const Config&)`, and of the `docker:` section as well. Pure.
std::vector<PolicyWarning> lint(const PolicyFile& file);

}  // namespace omnisandbox
