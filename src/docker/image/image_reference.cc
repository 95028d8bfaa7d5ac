#include "docker/image/image_reference.h"

#include "base/error.h"

namespace omnisandbox::docker {
namespace {

constexpr std::string_view digest_start = "sha256:";
constexpr std::size_t digest_digits = 64;
constexpr std::string_view hexadecimal = "0123456789abcdef";

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of(hexadecimal) == std::string_view::npos;
}

Error not_fetchable(std::string_view text, std::string_view why) {
  return base::make_error(
      ErrorKind::invalid_argument,
      "the image {} cannot be fetched: {}; write name:tag or name@sha256:digest",
      base::printable(text, 200), why);
}

}  // namespace

Expected<ImageReference> parse_image_reference(std::string_view text) {
  ImageReference reference;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    reference.digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!reference.digest.starts_with(digest_start) ||
        reference.digest.size() != digest_start.size() + digest_digits ||
        !is_hexadecimal(std::string_view(reference.digest).substr(digest_start.size()))) {
      return not_fetchable(text, "its digest is not sha256: and 64 digits");
    }
  }
  const std::size_t last_slash = rest.rfind('/');
  const std::size_t colon =
      rest.find(':', last_slash == std::string_view::npos ? 0 : last_slash + 1);
  if (colon != std::string_view::npos) {
    reference.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (reference.tag.empty() || reference.tag.find(':') != std::string::npos) {
      return not_fetchable(text, "its tag is none");
    }
  }
  if (rest.empty() || rest.front() == '/' || rest.back() == '/' ||
      rest.find("//") != std::string_view::npos) {
    return not_fetchable(text, "a part of its name is empty");
  }
  if (rest == "sha256" || (rest.size() == digest_digits && is_hexadecimal(rest))) {
    return not_fetchable(text, "an id names an image that the engine has");
  }
  reference.name = rest;
  // As the engine reads it: the first part is a host where it could not be a user's name.
  const std::size_t slash = rest.find('/');
  const std::string_view first = rest.substr(0, slash);
  const bool names_host =
      slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost");
  reference.registry = names_host ? first : default_registry;
  if (!reference.digest.empty()) {
    reference.tag.clear();
  } else if (reference.tag.empty()) {
    // Without a tag an engine fetches all of them.
    reference.tag = "latest";
  }
  return reference;
}

}  // namespace omnisandbox::docker
