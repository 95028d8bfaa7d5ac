#pragma once

#include <string>
#include <vector>

#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// Where an engine may listen: the one that DOCKER_HOST names, else the usual sockets, as
/// "unix:///run/docker.sock".
std::vector<std::string> engine_addresses();

/// The file of a UNIX socket's address. `unavailable` for others: whoever talks to an engine is
/// root on its machine, and TCP would carry that over a network.
Expected<std::string> socket_path_of(const std::string& address);

}  // namespace omnisandbox::docker
