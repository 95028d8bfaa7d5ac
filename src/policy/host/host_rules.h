#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/config.h"
#include "omnisandbox/expected.h"
#include "policy/host/canonical_url.h"
#include "policy/host/ip_address.h"

namespace omnisandbox::policy {

struct HostAnswer {
  bool allowed = false;
  std::string_view rule{};  ///< text of the deciding rule, e.g. `allowed_hosts[2] "*.example.org"`
  std::string reason{};     ///< when refused
  std::size_t rule_index = 0;  ///< into the Config's list, when allowed
};

/// The compiled `allowed_hosts`. Immutable; judging takes no lock, and its cost grows slower than
/// the number of rules.
class HostRules {
 public:
  HostRules() noexcept;  ///< no rules: refuses everything
  HostRules(HostRules&&) noexcept;
  HostRules& operator=(HostRules&&) noexcept;
  ~HostRules();

  static Expected<HostRules> compile(const std::vector<HostRule>& rules);

  /// May this request be made? `method` in upper case. Judges names and written addresses, not what
  /// a name resolves to.
  HostAnswer judge(const CanonicalTarget& target, std::string_view method) const;
  /// May a tunnel (CONNECT) to host and port be opened? For the egress proxy.
  HostAnswer judge_tunnel(std::string_view canonical_host, std::uint16_t port) const;

  /// May a socket for `target`, granted by `grant`, be connected to `address`? Public addresses:
  /// yes. Special-purpose ones (loopback, private, link-local, carrier-NAT, multicast, metadata,
  /// their IPv4-in-IPv6 forms): only where the granting rule is an address, a CIDR or "localhost"
  /// that covers it, or a name rule whose `addresses` cover it.
  HostAnswer judge_address(const CanonicalTarget& target, const HostAnswer& grant,
                           const IpAddress& address) const;

 private:
  class Index;
  std::unique_ptr<const Index> index_;  // unique_ptr: answers point into it
};

}  // namespace omnisandbox::policy
