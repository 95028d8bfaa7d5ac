#include "egress/address_guard.h"

#include "policy/host/ip_address.h"

namespace omnisandbox::egress {

tl::expected<void, Denial> AddressGuard::judge(const sockaddr* address, std::size_t length) const {
  const auto ip = policy::IpAddress::from_sockaddr(address, length);
  if (!ip) {
    return tl::unexpected(
        Denial{.capability = Capability::net_http,
               .resource = std::string(asked_as_),
               .rule = {},
               .reason = "the name resolves to something that is not an IP address",
               .remedy = {}});
  }
  return judge(*ip);
}

tl::expected<void, Denial> AddressGuard::judge(const policy::IpAddress& address) const {
  return policy_.judge_address(target_, grant_, address, asked_as_);
}

}  // namespace omnisandbox::egress
