#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "docker/engine/engine_connection.h"
#include "omnisandbox/expected.h"

/// Images in files of this machine, for engines without a registry. Whatever a file says, the
/// engine gets one image without names: an archive cannot give a name that is in use to another
/// image.
namespace omnisandbox::docker {

/// "oci:/folder[:tag]" or "docker-archive:/file.tar", taken apart.
struct LocalImageName {
  enum class Kind : std::uint8_t { oci_layout, docker_archive };
  Kind kind = Kind::oci_layout;
  std::string path;
  std::string tag;  ///< of a layout; empty: its only image
};
/// Empty for a name of another form. `invalid_argument` for a path that is not absolute.
Expected<std::optional<LocalImageName>> parse_local_image(std::string_view text);

/// An image that was found in a file, not read through yet.
class LocalImage {
 public:
  virtual ~LocalImage() = default;
  /// "sha256:…" of its configuration: the engine's id for it.
  virtual const std::string& id() const noexcept = 0;
  /// The body of POST /images/load. Its layers are compared by the engine with the digests of the
  /// configuration, and the configuration is what the id says.
  virtual Expected<void> write(const EngineConnection::Sink& sink) const = 0;
};

/// Errors: `not_found`; `invalid_argument` for what is no such image, of this machine's platform.
Expected<std::unique_ptr<LocalImage>> open_local_image(const LocalImageName& name);
Expected<std::unique_ptr<LocalImage>> open_oci_layout(const std::string& path,
                                                      const std::string& tag);
Expected<std::unique_ptr<LocalImage>> open_docker_archive(const std::string& path);

inline constexpr std::size_t max_image_json_bytes = 4 * 1024 * 1024;
// An engine takes 127 layers (moby, layer/layer_store.go).
inline constexpr std::size_t max_image_layers = 127;

}  // namespace omnisandbox::docker
