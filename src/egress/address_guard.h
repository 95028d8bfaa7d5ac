#pragma once

#include <string>
#include <string_view>

#include "omnisandbox/expected.h"
#include "policy/compiled_policy.h"

struct sockaddr;

namespace omnisandbox::egress {

/// Judges each address that a socket for one granted request is about to be connected to. Whatever
/// dials (http_fetch, the egress proxy) asks it with the very address that it hands to connect(2),
/// so that no later DNS answer can differ from the judged one. All references must outlive the
/// guard. Thread rule: safe from several threads.
class AddressGuard {
 public:
  AddressGuard(const policy::CompiledPolicy& policy, const policy::CanonicalTarget& target,
               const policy::CompiledPolicy::HttpGrant& grant, std::string_view asked_as)
      : policy_(policy), target_(target), grant_(grant), asked_as_(asked_as) {}

  /// Families other than AF_INET and AF_INET6 are refused.
  tl::expected<void, Denial> judge(const sockaddr* address, std::size_t length) const;
  tl::expected<void, Denial> judge(const policy::IpAddress& address) const;

 private:
  const policy::CompiledPolicy& policy_;
  const policy::CanonicalTarget& target_;
  const policy::CompiledPolicy::HttpGrant& grant_;
  std::string_view asked_as_;
};

}  // namespace omnisandbox::egress
