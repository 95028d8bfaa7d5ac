#include "egress/http_headers.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "base/error.h"
#include "base/try.h"

namespace omnisandbox::egress {
namespace {

// They belong to the connection or the framing of the message (RFC 9110 section 7.6.1, RFC 9112,
// RFC 9113 section 8.2.2): set by a guest, they could make the server see another request, or
// another host, than the judged one.
constexpr std::array<std::string_view, 13> connection_headers = {
    "host",     "content-length", "transfer-encoding", "connection", "keep-alive",
    "te",       "trailer",        "upgrade",           "expect",     "http2-settings",
    "alt-used", "x-original-url", "x-rewrite-url"};

constexpr std::array<std::string_view, 3> override_headers = {"x-http-method-override",
                                                              "x-http-method", "x-method-override"};

// The rest may be a credential: an API key has no fixed name.
constexpr std::array<std::string_view, 16> headers_for_any_origin = {"accept",
                                                                     "accept-charset",
                                                                     "accept-encoding",
                                                                     "accept-language",
                                                                     "cache-control",
                                                                     "content-type",
                                                                     "content-encoding",
                                                                     "content-language",
                                                                     "if-match",
                                                                     "if-modified-since",
                                                                     "if-none-match",
                                                                     "if-range",
                                                                     "if-unmodified-since",
                                                                     "pragma",
                                                                     "range",
                                                                     "user-agent"};

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view other) { return same_name(name, other); });
}

// As a program behind a gateway may know it (RFC 3875 section 4.1.18): X_Method_Override and
// X-Method-Override are one variable there.
std::string as_variable(std::string_view name) {
  std::string variable(name);
  std::replace_if(
      variable.begin(), variable.end(),
      [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '-');
  return variable;
}

bool is_reserved(std::string_view name) {
  const std::string variable = as_variable(name);
  return is_one_of(connection_headers, variable) || same_name(variable, "proxy") ||
         same_name(std::string_view(variable).substr(0, 6), "proxy-");
}

bool overrides_method(std::string_view name) {
  return is_one_of(override_headers, as_variable(name));
}

std::string_view without_white_space(std::string_view value) {
  const std::size_t first = value.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

Expected<void> check_header(const HttpHeader& header) {
  if (!is_token(header.name)) {
    return base::make_error(
        ErrorKind::invalid_argument,
        "\"{}\" cannot be the name of a header; write letters, digits and hyphens",
        base::printable(header.name, 80));
  }
  if (is_reserved(header.name)) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the header {} cannot be set; it follows from the URL and the body, or "
                            "belongs to the connection",
                            base::printable(header.name, 80));
  }
  const bool has_control = std::any_of(header.value.begin(), header.value.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
  if (has_control) {
    return base::make_error(
        ErrorKind::invalid_argument,
        "the value of the header {} has a control character (such as CR, LF or NUL)",
        base::printable(header.name, 80));
  }
  return {};
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

Expected<std::string> canonical_method(std::string_view method) {
  if (!is_token(method) || method.size() > max_method_bytes) {
    return base::make_error(ErrorKind::invalid_argument,
                            "\"{}\" cannot be a method; write a word such as GET",
                            base::printable(method, 80));
  }
  std::string upper(method);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - ('a' - 'A'));
  }
  return upper;
}

Expected<std::vector<HttpHeader>> checked_headers(std::span<const HttpHeader> headers) {
  if (headers.size() > max_request_headers) {
    return base::make_error(ErrorKind::invalid_argument,
                            "the request has {} headers; at most {} are sent", headers.size(),
                            max_request_headers);
  }
  std::vector<HttpHeader> checked;
  std::size_t bytes = 0;
  for (const HttpHeader& header : headers) {
    TRY(check_header(header));
    bytes += header.name.size() + header.value.size();
    if (bytes > max_request_header_bytes) {
      return base::make_error(ErrorKind::invalid_argument,
                              "the request's headers are longer than {} bytes",
                              max_request_header_bytes);
    }
    checked.push_back(HttpHeader{header.name, std::string(without_white_space(header.value))});
  }
  return checked;
}

Expected<std::vector<std::string>> overriding_methods(std::span<const HttpHeader> headers) {
  std::vector<std::string> methods;
  for (const HttpHeader& header : headers) {
    if (overrides_method(header.name)) methods.push_back(TRY(canonical_method(header.value)));
  }
  return methods;
}

const std::string* find_header(std::span<const HttpHeader> headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const HttpHeader& header) {
    return same_name(header.name, name);
  });
  return found == headers.end() ? nullptr : &found->value;
}

void drop_for_other_origin(std::vector<HttpHeader>& headers) {
  std::erase_if(headers, [](const HttpHeader& header) {
    return !is_one_of(headers_for_any_origin, header.name);
  });
}

void drop_body_headers(std::vector<HttpHeader>& headers) {
  std::erase_if(headers, [](const HttpHeader& header) {
    const std::string variable = as_variable(header.name);
    return same_name(std::string_view(variable).substr(0, 8), "content-") ||
           overrides_method(header.name);
  });
}

}  // namespace omnisandbox::egress
