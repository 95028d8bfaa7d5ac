#pragma once

#include <string>
#include <string_view>

#include "omnisandbox/expected.h"

namespace omnisandbox::docker {

/// An image's name in a registry, taken apart.
struct ImageReference {
  std::string registry;  ///< host, or host:port; "docker.io" where the name has none
  std::string name;      ///< without tag and digest, as the engine takes it
  std::string tag;       ///< empty beside a digest, else "latest" where none is written
  std::string digest;    ///< "sha256:…", or empty
};

/// `invalid_argument` for what cannot be fetched: an id, an empty part, another digest than
/// SHA-256.
Expected<ImageReference> parse_image_reference(std::string_view text);

inline constexpr std::string_view default_registry = "docker.io";

}  // namespace omnisandbox::docker
