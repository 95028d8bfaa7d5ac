#pragma once

#include <string>
#include <vector>

#include "omnisandbox/config.h"
#include "runner/result_json.h"

/// What a policy allows, in lists and as JSON. Values of environment variables are left out: they
/// may be secrets.
namespace omnisandbox::runner {

/// Whether the capability itself is granted; its list may still be empty.
bool grants(const Config& config, Capability capability);

/// The entries that the capability's allow-list opens for it, as they are written.
std::vector<std::string> listed_for(const Config& config, Capability capability);

/// The paths that a rule takes away (access none).
std::vector<std::string> hidden_paths(const Config& config);

Json policy_summary_json(const Config& config);

}  // namespace omnisandbox::runner
