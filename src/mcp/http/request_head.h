#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The head of an HTTP request, as it is judged before anything of its body is read.
namespace omnisandbox::mcp {

struct RequestHead {
  std::string method;
  std::string target;
  unsigned version = 0;     ///< 11 for HTTP/1.1
  bool keeps_alive = true;  ///< another request may follow on the connection
  std::vector<std::pair<std::string, std::string>> headers{};  ///< names in lower case
  std::optional<std::uint64_t> content_length{};

  std::size_t count(std::string_view name) const;
  /// The value of the first header with this name (in lower case); null without one.
  const std::string* find(std::string_view name) const;
};

/// A value without the white space around it.
std::string_view trimmed(std::string_view text);
bool same_text_in_any_case(std::string_view left, std::string_view right);

/// Whether the media type stands in a Content-Type.
bool is_media_type(std::string_view content_type, std::string_view type);
/// Whether it is named in an Accept header: by itself, not by a wildcard, and not with q=0.
bool names_media_type(std::string_view accept, std::string_view type);

}  // namespace omnisandbox::mcp
