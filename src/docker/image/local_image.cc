#include "docker/image/local_image.h"

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::docker {
namespace {

constexpr std::string_view layout_prefix = "oci:";
constexpr std::string_view archive_prefix = "docker-archive:";

}  // namespace

Expected<std::optional<LocalImageName>> parse_local_image(std::string_view text) {
  LocalImageName name;
  if (text.starts_with(layout_prefix)) {
    std::string_view rest = text.substr(layout_prefix.size());
    const std::size_t slash = rest.rfind('/');
    const std::size_t colon = rest.find(':', slash == std::string_view::npos ? 0 : slash);
    name.path = rest.substr(0, colon);
    name.tag = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  } else if (text.starts_with(archive_prefix)) {
    name.kind = LocalImageName::Kind::docker_archive;
    name.path = text.substr(archive_prefix.size());
  } else {
    return std::optional<LocalImageName>();
  }
  if (!name.path.starts_with('/')) {
    return base::make_error(ErrorKind::invalid_argument,
                            "docker.image: {}: an image's file is named by an absolute path",
                            base::printable(text, 200));
  }
  return std::optional(std::move(name));
}

Expected<std::unique_ptr<LocalImage>> open_local_image(const LocalImageName& name) {
  return name.kind == LocalImageName::Kind::oci_layout ? open_oci_layout(name.path, name.tag)
                                                       : open_docker_archive(name.path);
}

}  // namespace omnisandbox::docker
