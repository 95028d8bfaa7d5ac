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

class HostIndex;

struct HostAnswer {
  bool allowed = false;
  std::string_view rule{};  ///< text of the deciding rule, e.g. `allowed_hosts[2] "*.example.org"`;
                            ///< when refused, of the nearest one
  std::string reason{};     ///< when refused
  std::size_t rule_index = 0;  ///< into the Config's list, when allowed
  /// When allowed: all the rules that allow the same and name special-purpose addresses, for
  /// judge_address.
  std::vector<std::uint32_t> address_rules{};
};

/// The compiled `allowed_hosts`. Where several rules cover a host, any one that allows suffices.
/// Immutable; judging takes no lock, and its cost grows slower than the number of rules.
///
/// A rule without scheme and port opens https on 443 and http on 80; with a scheme alone, that
/// scheme's port; with a port alone, both schemes on it. "*" means every public host: neither
/// localhost nor a special-purpose address, which are listed by themselves. The rule "localhost"
/// covers the name localhost, when it leads to 127.0.0.1 or ::1; the address 127.0.0.1 is another
/// host. A path prefix covers whole segments, and no path that a server could read as one outside
/// of it (see `is_ambiguous_path`).
class HostRules {
 public:
  HostRules() noexcept;  ///< no rules: refuses everything
  HostRules(HostRules&&) noexcept;
  HostRules& operator=(HostRules&&) noexcept;
  ~HostRules();

  /// `invalid_argument` for a rule that makes no sense; the message names its index and says what
  /// to write.
  static Expected<HostRules> compile(const std::vector<HostRule>& rules);

  /// May this request be made? `method` in upper case. Judges names and written addresses, not what
  /// a name resolves to. CONNECT is refused whatever the rules say: `judge_tunnel` answers for it.
  HostAnswer judge(const CanonicalTarget& target, std::string_view method) const;

  /// May a tunnel (CONNECT) to host and port be opened? For the egress proxy. What goes through a
  /// tunnel is out of sight, so it takes a rule that opens https on the port and limits neither
  /// paths nor methods, or lists the method CONNECT.
  HostAnswer judge_tunnel(std::string_view canonical_host, std::uint16_t port) const;

  /// May a socket for `target`, granted by `grant`, be connected to `address`? Public addresses:
  /// yes. Special-purpose ones (loopback, private, link-local, carrier-NAT, multicast, metadata,
  /// their IPv4-in-IPv6 forms): only where a granting rule is "localhost" or names them in its
  /// `addresses`. A target that is an address itself may be reached there only.
  HostAnswer judge_address(const CanonicalTarget& target, const HostAnswer& grant,
                           const IpAddress& address) const;

 private:
  std::unique_ptr<const HostIndex> index_;  // unique_ptr: answers point into it
};

}  // namespace omnisandbox::policy
