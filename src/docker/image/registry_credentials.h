#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "docker/engine/engine_connection.h"
#include "omnisandbox/expected.h"

/// Credentials of registries, where `docker login` keeps them: a JSON file with `auths`,
/// `credHelpers` and `credsStore` (docs of the Docker CLI, "Credential stores"). Only the engine
/// ever gets them; no message and no record shows them.
namespace omnisandbox::docker {

struct RegistryCredentials {
  std::string user;
  std::string password;
  std::string identity_token;  ///< instead of the other two, where it is not empty
};

/// The file that `docker` would read: $DOCKER_CONFIG/config.json, else ~/.docker/config.json; empty
/// where neither is known.
std::string default_registry_config();

/// What the file says of a registry.
struct CredentialEntry {
  std::optional<RegistryCredentials> written{};  ///< in the file itself
  std::string helper{};  ///< or the NAME of a program docker-credential-NAME; empty: none
};
Expected<CredentialEntry> find_credentials(const nlohmann::json& config, std::string_view registry);

/// The value of X-Registry-Auth for a registry; empty where nothing is known of it. Runs the
/// credential helper that the file names, found in PATH. Errors: `invalid_argument` for a file that
/// is none, `unavailable` for a helper that fails.
Expected<std::string> registry_auth(const std::string& config_file, std::string_view registry,
                                    const Patience& patience);

}  // namespace omnisandbox::docker
