#pragma once

#include <span>
#include <vector>

#include "policy/container/container_grant.h"

namespace omnisandbox::policy {

/// Opens each mount through the policy and finds what is to be hidden beneath. The errors are those
/// of `judge_container`.
Expected<void> judge_mounts(const CompiledPolicy& policy, std::span<const DockerMount> wanted,
                            std::vector<PinnedMount>& mounts, std::vector<MountMask>& masks);

}  // namespace omnisandbox::policy
