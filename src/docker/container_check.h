#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// What an engine could not give and what does not let anything out.
struct ContainerWeakness {
  std::vector<std::string> layers;  ///< for Result.sandbox.layers
};

/// Compares a container as the engine describes it with the body that asked for it: an engine takes
/// a misspelt field, or one that its kernel cannot give, without a word. `unavailable` for a
/// difference; `denied` for what no container of ours may have, whoever asked for it.
Expected<ContainerWeakness> check_container(const nlohmann::json& asked,
                                            const nlohmann::json& inspected);

}  // namespace omnisandbox::docker
