#pragma once

#include <nlohmann/json.hpp>

#include "docker/container_check.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// check_container for a container of Podman's, as its own API describes it. `asked` is the body
/// that Docker would get. Each mount, tree in memory, limit and capability that Podman tells must
/// be one that was asked for, in those words; a further one is a refusal.
Expected<ContainerWeakness> check_podman_container(const nlohmann::json& asked,
                                                   const nlohmann::json& inspected);

}  // namespace omnisandbox::docker
