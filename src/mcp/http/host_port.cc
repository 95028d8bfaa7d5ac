#include "mcp/http/host_port.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace omnisandbox::mcp {
namespace {

// RFC 1035; longer is no name of a host.
constexpr std::size_t max_host_bytes = 253;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && !text.empty()
             ? std::optional(port)
             : std::nullopt;
}

/// Fills in what `host` is. False for what is neither an address nor a name.
bool classify(HostPort& result, bool in_brackets) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(result.host, error);
  if (!error) {
    result.is_address = true;
    result.is_loopback = address.is_loopback();
    // "fe80::1%eth0" names an interface of this machine, which is nothing to ask for from outside.
    return address.is_v6() == in_brackets && result.host.find('%') == std::string::npos;
  }
  result.is_loopback = result.host == "localhost";
  return !in_brackets && std::all_of(result.host.begin(), result.host.end(), is_name_character);
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  HostPort result;
  const bool in_brackets = text.starts_with('[');
  std::string_view host;
  std::string_view rest;
  if (in_brackets) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    host = text.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (!rest.empty()) {
    result.port = parse_port(rest.substr(1));
    if (rest.front() != ':' || !result.port) {
      return std::nullopt;
    }
  }
  if (host.empty() || host.size() > max_host_bytes) {
    return std::nullopt;
  }
  result.host.assign(host);
  std::transform(result.host.begin(), result.host.end(), result.host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return classify(result, in_brackets) ? std::optional(std::move(result)) : std::nullopt;
}

}  // namespace omnisandbox::mcp
