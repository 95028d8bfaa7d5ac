#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace omnisandbox::mcp {

/// "name:80", "127.0.0.1:8000" or "[::1]:8000" taken apart, as in a Host header (RFC 9110,
/// section 7.2).
struct HostPort {
  std::string host;  ///< in lower case; an IPv6 address without its brackets
  std::optional<std::uint16_t> port{};
  bool is_address = false;   ///< an IP address, and no name
  bool is_loopback = false;  ///< an address of this machine alone, or "localhost"
};

/// Nothing for what is not of this form.
std::optional<HostPort> parse_host_port(std::string_view text);

}  // namespace omnisandbox::mcp
