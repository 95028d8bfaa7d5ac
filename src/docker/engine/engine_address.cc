#include "docker/engine/engine_address.h"

#include <sys/un.h>

#include <cstdlib>
#include <string_view>

#include "base/error.h"

namespace omnisandbox::docker {
namespace {

constexpr std::string_view unix_scheme = "unix://";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::vector<std::string> engine_addresses() {
  if (std::string host = variable("DOCKER_HOST"); !host.empty()) {
    return {std::move(host)};
  }
  std::vector<std::string> addresses = {"unix:///var/run/docker.sock"};
  if (const std::string folder = variable("XDG_RUNTIME_DIR"); !folder.empty()) {
    addresses.push_back("unix://" + folder + "/docker.sock");
    addresses.push_back("unix://" + folder + "/podman/podman.sock");
  }
  addresses.emplace_back("unix:///run/podman/podman.sock");
  return addresses;
}

Expected<std::string> socket_path_of(const std::string& address) {
  if (!address.starts_with(unix_scheme)) {
    return base::make_error(ErrorKind::unavailable,
                            "{}: only an engine on a UNIX socket is used (unix:///run/docker.sock)",
                            base::printable(address));
  }
  std::string path = address.substr(unix_scheme.size());
  if (path.empty() || path.front() != '/' || path.size() >= sizeof(sockaddr_un::sun_path) ||
      path.find('\0') != std::string::npos) {
    return base::make_error(ErrorKind::unavailable, "{} names no UNIX socket",
                            base::printable(address));
  }
  return path;
}

}  // namespace omnisandbox::docker
