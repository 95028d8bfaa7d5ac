#include "policy/host/url_path.h"

#include <fmt/format.h>

#include <optional>

namespace omnisandbox::policy {
namespace {

// More layers of escapes than any chain of servers undoes; a path with more is taken for an attack.
constexpr int max_decoding_rounds = 8;

std::optional<unsigned> hex_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

// The byte that the escape at `position` stands for, where there is one.
std::optional<char> escaped_byte(std::string_view text, std::size_t position) {
  if (position + 2 >= text.size() || text[position] != '%') return std::nullopt;
  const auto high = hex_value(text[position + 1]);
  const auto low = hex_value(text[position + 2]);
  if (!high || !low) return std::nullopt;
  return static_cast<char>(*high << 4 | *low);
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// RFC 3986 "pchar", and the slash.
bool may_stand_in_path(char c) {
  return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/").find(c) != std::string_view::npos;
}

void append_escaped(std::string& text, char c) {
  text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
}

tl::unexpected<std::string> bad_percent_sign() {
  return tl::unexpected(std::string(
      "it has a percent sign without two hexadecimal digits; write %25 for the sign itself"));
}

// RFC 3986 section 5.2.4 for a path that begins with "/".
std::string remove_dot_segments(std::string_view path) {
  std::string output;
  while (!path.empty()) {
    const std::size_t end = path.find('/', 1);
    const std::string_view segment = path.substr(1, end == std::string_view::npos ? end : end - 1);
    const bool is_last = end == std::string_view::npos;
    if (segment == ".." || segment == ".") {
      if (segment == "..") output.erase(output.empty() ? 0 : output.rfind('/'));
      if (is_last) output += '/';
    } else {
      output += '/';
      output += segment;
    }
    path = is_last ? std::string_view() : path.substr(end);
  }
  return output;
}

bool has_dot_segment(std::string_view path) {
  while (true) {
    const std::size_t end = path.find_first_of("/\\");
    std::string_view segment = path.substr(0, end);
    segment = segment.substr(0, segment.find(';'));
    if (segment == "." || segment == "..") return true;
    if (end == std::string_view::npos) return false;
    path.remove_prefix(end + 1);
  }
}

// An encoding of a character in more bytes than it needs (RFC 3629 section 10): C0, C1, E0 80–9F,
// F0 80–8F.
bool has_overlong_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte == 0xc0 || byte == 0xc1) return true;
    if (byte == 0xe0 && next >= 0x80 && next < 0xa0) return true;
    if (byte == 0xf0 && next >= 0x80 && next < 0x90) return true;
  }
  return false;
}

std::string decode_once(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const auto byte = escaped_byte(text, i)) {
      decoded += *byte;
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

}  // namespace

tl::expected<std::string, std::string> normalise_path(std::string_view path) {
  std::string escaped;
  if (path.empty() || path.front() != '/') escaped += '/';
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '%') {
      const auto byte = escaped_byte(path, i);
      if (!byte) return bad_percent_sign();
      if (is_unreserved(*byte)) {
        escaped += *byte;
      } else {
        append_escaped(escaped, *byte);
      }
      i += 2;
    } else if (may_stand_in_path(c)) {
      escaped += c;
    } else {
      append_escaped(escaped, c);
    }
  }
  return remove_dot_segments(escaped);
}

tl::expected<std::string, std::string> normalise_query(std::string_view query) {
  std::string escaped;
  for (std::size_t i = 0; i < query.size(); ++i) {
    const char c = query[i];
    if (c == '%' && !escaped_byte(query, i)) return bad_percent_sign();
    if (c == '%' || c == '?' || may_stand_in_path(c)) {
      escaped += c;
    } else {
      append_escaped(escaped, c);
    }
  }
  return escaped;
}

bool is_ambiguous_path(std::string_view normalised_path) {
  std::string reading(normalised_path);
  for (int round = 0; round < max_decoding_rounds; ++round) {
    if (has_dot_segment(reading) || has_overlong_utf8(reading) ||
        reading.find('\0') != std::string::npos)
      return true;
    std::string next = decode_once(reading);
    if (next == reading) return false;
    reading = std::move(next);
  }
  return true;
}

bool path_is_under(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || prefix.ends_with('/') || path[prefix.size()] == '/';
}

}  // namespace omnisandbox::policy
