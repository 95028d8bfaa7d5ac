#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"
#include "policy/host/ip_address.h"

namespace omnisandbox::policy {

/// A set of schemes, as bits.
enum class Schemes : std::uint8_t { http = 1, https = 2, both = 3 };

constexpr bool has_scheme(Schemes set, Schemes one) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

/// Ports `low` to `high`, reached with one of `schemes`.
struct PortRange {
  std::uint16_t low = 0;
  std::uint16_t high = 0;
  Schemes schemes = Schemes::both;
};

/// One entry of `allowed_hosts`, read and checked.
struct ParsedHostRule {
  enum class Kind : std::uint8_t {
    name,        ///< exactly `name`
    subdomains,  ///< names that end in "." + `name`
    range,       ///< addresses written as such, in `range`
    any          ///< every name but localhost, and every public address
  };
  Kind kind = Kind::name;
  std::string name;  ///< canonical; empty for ranges and "*"
  std::optional<IpRange> range;
  std::vector<PortRange>
      ports;                ///< never empty. Without a port in the rule: https on 443, http on 80
  std::string path_prefix;  ///< normalised; empty: every path
  std::vector<std::string> methods;  ///< empty: every method but CONNECT and TRACE
  std::vector<IpRange> addresses;    ///< special-purpose ranges that the name may resolve to
  std::string text;                  ///< for people: `allowed_hosts[1] "*.example.org"`
};

/// Reads `allowed_hosts[index]`. `invalid_argument` says which entry is wrong, what is wrong with
/// it and what to write.
Expected<ParsedHostRule> parse_host_rule(const HostRule& rule, std::size_t index);

}  // namespace omnisandbox::policy
