#pragma once

#include <chrono>
#include <string>
#include <string_view>

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

/// A policy that holds for something that is loaded once and called often: its timeout is one of
/// each call, and says nothing of how long loading may take.
struct NarrowPolicy {
  Policy policy;  ///< with the base's timeout
  std::chrono::milliseconds call_timeout;
};
/// `base`, narrowed by a policy file's text; `name` stands in messages. Error: `invalid_argument`
/// too for a `docker` section, which has nothing to narrow.
Expected<NarrowPolicy> narrow_policy(const Policy& base, std::string_view text,
                                     const std::string& name);
/// `base`, narrowed to nothing.
Expected<NarrowPolicy> narrow_to_nothing(const Policy& base);

/// "FILE:LINE:COLUMN: " of the key or entry that `where` names ("allowed_paths[1]"); "FILE: " where
/// it has no place.
std::string position_prefix(const PolicyFile& file, const std::string& path,
                            std::string_view where);

}  // namespace omnisandbox::runner
