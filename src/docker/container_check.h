#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// What an engine could not give and what does not let anything out.
struct ContainerWeakness {
  std::vector<std::string> layers;  ///< for Result.sandbox.layers
};

/// The errors of the checks. `field` of a container is another one than asked for.
Error another_than_asked(std::string_view field, const nlohmann::json& asked,
                         const nlohmann::json& got);
/// `field` may not be there at all, whoever asked for it.
Error never_allowed(std::string_view field, const nlohmann::json& got, std::string reason);
/// Null, and text, lists and objects without content.
bool is_nothing(const nlohmann::json& value);

/// Compares a container as the engine describes it with the body that asked for it: an engine takes
/// a misspelt field, or one that its kernel cannot give, without a word. `unavailable` for a
/// difference; `denied` for what no container of ours may have, whoever asked for it.
Expected<ContainerWeakness> check_container(const nlohmann::json& asked,
                                            const nlohmann::json& inspected);

}  // namespace omnisandbox::docker
