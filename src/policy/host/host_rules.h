#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"
#include "policy/host/ip_address.h"

namespace omnisandbox::policy {

/// A URL's target after canonicalisation; the only form in which hosts are compared.
struct CanonicalTarget {
  std::string scheme;            ///< "http" or "https", lower case
  std::string host;              ///< lower-case A-label name without a trailing dot, or the IP in its one spelling (RFC 5952, no brackets)
  bool host_is_address = false;
  std::uint16_t port = 0;
  std::string path;              ///< begins with "/", dot segments removed, without query; for prefix rules
  std::string url;               ///< the URL rebuilt from the canonical parts, with query, without fragment: what is fetched
};

/// RFC 3986 with WHATWG's address spellings (0x7f.1, 017700000001, 2130706433). `invalid_argument` for user info, control characters,
/// backslashes, unknown schemes, bad ports, bad percent signs, names that IDNA (libidn2, non-transitional) refuses, and more than 8 KiB.
Expected<CanonicalTarget> canonicalise_url(std::string_view url);

struct HostAnswer {
  bool allowed = false;
  std::string_view rule;  ///< text of the deciding rule, e.g. `allowed_hosts[2] "*.example.org"`
  std::string reason;     ///< when refused
  std::size_t rule_index = 0;  ///< into the Config's list, when allowed
};

/// The compiled `allowed_hosts`. Immutable; judging takes no lock, and its cost grows slower than the number of rules.
class HostRules {
 public:
  static Expected<HostRules> compile(const std::vector<HostRule>& rules);

  /// May this request be made? `method` in upper case. Judges names and written addresses, not what a name resolves to.
  HostAnswer judge(const CanonicalTarget& target, std::string_view method) const;
  /// May a tunnel (CONNECT) to host and port be opened? For the egress proxy.
  HostAnswer judge_tunnel(std::string_view canonical_host, std::uint16_t port) const;

  /// May a socket for `target`, granted by `grant`, be connected to `address`? Public addresses: yes. Special-purpose ones (loopback, private,
  /// link-local, carrier-NAT, multicast, metadata, their IPv4-in-IPv6 forms): only where the granting rule is an address, a CIDR or
  /// "localhost" that covers it, or a name rule whose `addresses` cover it.
  HostAnswer judge_address(const CanonicalTarget& target, const HostAnswer& grant, const IpAddress& address) const;
};

}  // namespace omnisandbox::policy
