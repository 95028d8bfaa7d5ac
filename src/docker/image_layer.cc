#include "docker/image_layer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "omnisandbox/docker_image.h"

namespace omnisandbox {
namespace {
constexpr std::string_view beginning = "image ";
}

std::string docker::image_layer(std::string_view asked, std::string_view ran) {
  return fmt::format("{}{} {}", beginning, base::printable(asked, 200), base::printable(ran, 300));
}

std::optional<std::string> image_that_ran(const Result& result) {
  if (result.sandbox.kind != "docker") {
    return std::nullopt;
  }
  for (const std::string& layer : result.sandbox.layers) {
    // The name may have blanks (a file's path does), a digest or an id has none.
    if (layer.starts_with(beginning)) {
      return layer.substr(layer.rfind(' ') + 1);
    }
  }
  return std::nullopt;
}

}  // namespace omnisandbox
