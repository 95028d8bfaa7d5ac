#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "docker/image/registry_credentials.h"

namespace omnisandbox::docker {

/// Asks docker-credential-NAME, found in PATH, for a registry's credentials (the protocol of
/// docker-credential-helpers: the server on its stdin, JSON on its stdout); empty where it has
/// none. `invalid_argument` for a name that is none, `unavailable` where it is missing or fails.
Expected<std::optional<RegistryCredentials>> ask_credential_helper(const std::string& name,
                                                                   std::string_view server,
                                                                   const Patience& patience);

}  // namespace omnisandbox::docker
