#include "mcp/http/request_head.h"

#include <algorithm>

namespace omnisandbox::mcp {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// The part before the next `separator`, which is taken off `text`.
std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = trimmed(text.substr(0, end));
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return part;
}

/// "q=0", "q=0.0", …: the type is named in order to say no to it (RFC 9110, section 12.4.2).
bool is_refusal(std::string_view parameter) {
  return parameter.size() >= 3 && lower(parameter[0]) == 'q' && parameter[1] == '=' &&
         parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

std::size_t RequestHead::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      headers.begin(), headers.end(), [name](const auto& header) { return header.first == name; }));
}

const std::string* RequestHead::find(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [name](const auto& header) { return header.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  return start == std::string_view::npos
             ? std::string_view()
             : text.substr(start, text.find_last_not_of(" \t") - start + 1);
}

bool same_text_in_any_case(std::string_view left, std::string_view right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
}

bool is_media_type(std::string_view content_type, std::string_view type) {
  return same_text_in_any_case(next_part(content_type, ';'), type);
}

bool names_media_type(std::string_view accept, std::string_view type) {
  while (!accept.empty()) {
    std::string_view entry = next_part(accept, ',');
    if (!same_text_in_any_case(next_part(entry, ';'), type)) {
      continue;
    }
    bool is_refused = false;
    while (!entry.empty()) {
      const std::string_view parameter = next_part(entry, ';');
      is_refused = is_refused || is_refusal(parameter);
    }
    if (!is_refused) {
      return true;
    }
  }
  return false;
}

}  // namespace omnisandbox::mcp
