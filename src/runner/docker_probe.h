#pragma once

#include <string>

#include "omnisandbox/expected.h"

namespace omnisandbox::runner {

/// Asks the container engine for a sign of life (GET /_ping): the one that DOCKER_HOST names, else
/// one at the usual sockets. Returns its address. Waits at most `docker_probe_timeout_ms` for each.
Expected<std::string> probe_docker();

inline constexpr long docker_probe_timeout_ms = 2'000;

/// The file of certificate authorities that TLS connections of this build are checked against.
Expected<std::string> certificate_authorities();

}  // namespace omnisandbox::runner
