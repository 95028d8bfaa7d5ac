#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policy/host/ip_address.h"

namespace omnisandbox::policy {

/// Why an address is not public: it is in one of the special-purpose ranges of the IANA registries
/// (RFC 6890), is multicast, lies outside the global unicast space of IPv6 (2000::/3), is a cloud
/// metadata service, or carries such an IPv4 address inside (NAT64, ISATAP). Known gap: the
/// machine's own public address counts as public.
struct SpecialPurpose {
  std::string_view kind;            ///< with its article: "a loopback address"
  std::optional<IpAddress> embeds;  ///< the IPv4 address inside that decided, where there is one
};

/// Empty for a public address.
std::optional<SpecialPurpose> special_purpose_of(const IpAddress& address) noexcept;

/// "127.0.0.1, a loopback address"; for a public address the address alone.
std::string describe(const IpAddress& address);

/// Whether a special-purpose address lies in `range`, so that listing it in `addresses` has a
/// meaning.
bool holds_special_purpose(const IpRange& range) noexcept;

}  // namespace omnisandbox::policy
