#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace omnisandbox::docker {

/// Parts between separators; of no text none.
inline std::vector<std::string> split_text(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return parts;
}

}  // namespace omnisandbox::docker
