#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/policy.h"

namespace omnisandbox::policy_cases {

/// The first of `layers`, narrowed by each that follows.
Expected<Policy> compile_layers(const std::vector<Config>& layers);

/// Does to the policy what its denial proposes, and asks again, until it is allowed or nothing more
/// is proposed. Returns what was wrong about a proposal; empty when each was as it should be.
std::string follow_remedies(std::vector<Config> layers, Capability capability,
                            const std::string& resource);

}  // namespace omnisandbox::policy_cases
