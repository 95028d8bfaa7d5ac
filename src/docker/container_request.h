#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "docker/engine/engine.h"
#include "docker/init/protocol.h"
#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "policy/container/container_grant.h"

namespace omnisandbox::docker {

/// What a container is made of besides what the policy granted.
struct ContainerParts {
  const policy::ContainerGrant& grant;
  const ImageFacts& image;
  std::string init_program;     ///< host path
  std::string listener_socket;  ///< host path; empty: the container has no way to the network
  std::map<std::string, std::string> labels;
};

/// A path inside that the first process reports on, and what must stand there.
struct ExpectedPath {
  enum class Kind : std::uint8_t { same_file, held_folder, empty_folder, null_device };
  std::string path;
  Kind kind = Kind::same_file;
  std::uint64_t device = 0;  ///< of `same_file`
  std::uint64_t inode = 0;
  bool is_read_only = false;
  // Of `held_folder`: where it is on this machine now.
  const linux_::Fd* mounted = nullptr;  ///< of the grant
  std::string below{};                  ///< relative to it
};
/// The grant must outlive them.
std::vector<ExpectedPath> expected_paths(const policy::ContainerGrant& grant);

/// The body of POST /containers/create. `denied` for an image whose volumes would stand where they
/// must not.
Expected<nlohmann::json> container_request(const ContainerParts& parts);

}  // namespace omnisandbox::docker
