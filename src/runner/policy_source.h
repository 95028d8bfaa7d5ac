#pragma once

#include <string>

#include "omnisandbox/policy.h"
#include "omnisandbox/policy_file.h"

namespace omnisandbox::runner {

/// A policy file, read and compiled. Errors begin with FILE:LINE:COLUMN, also those that only
/// compiling finds.
struct LoadedPolicy {
  PolicyFile file;
  Policy policy;
};
Expected<LoadedPolicy> load_policy(const std::string& path);

/// "FILE:LINE:COLUMN: " of the key or entry that `where` names ("allowed_paths[1]"); "FILE: " where
/// it has no place.
std::string position_prefix(const PolicyFile& file, const std::string& path,
                            std::string_view where);

}  // namespace omnisandbox::runner
