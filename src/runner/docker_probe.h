#pragma once

#include <chrono>
#include <string>

#include "docker/engine_report.h"
#include "omnisandbox/expected.h"

namespace omnisandbox::runner {

/// Asks the container engine what it is: the one that DOCKER_HOST names, else one at the usual
/// sockets. Waits at most `docker_probe_time` in all.
Expected<docker::EngineReport> probe_docker();

inline constexpr std::chrono::seconds docker_probe_time{4};

/// The file of certificate authorities that TLS connections of this build are checked against.
Expected<std::string> certificate_authorities();

}  // namespace omnisandbox::runner
