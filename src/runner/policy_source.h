#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/policy_file.h"

namespace omnisandbox::runner {

/// A policy file, read and compiled. Errors begin with FILE:LINE:COLUMN, also those that only
/// compiling finds.
struct LoadedPolicy {
  PolicyFile file;
  Policy policy;
};

/// A file that this program itself goes by or writes, and what tools may do with it at most,
/// whatever the policy says.
struct OwnFile {
  std::string path;
  PathAccess access = PathAccess::none;
};
/// The log, and the files that it is or was rotated to; none without one.
std::vector<OwnFile> audit_files(const std::optional<std::string>& log,
                                 unsigned kept_files = default_kept_audit_files);

/// The policy's own file is one of `own_files`, to be read only: a tool must not write the next
/// run's policy.
Expected<LoadedPolicy> load_policy(const std::string& path, std::vector<OwnFile> own_files = {});

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
