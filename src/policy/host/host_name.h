#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "policy/host/ip_address.h"

namespace omnisandbox::policy {

/// Longest name that the DNS can carry, without the trailing dot (RFC 1035 section 2.3.4).
inline constexpr std::size_t max_host_name_bytes = 253;
inline constexpr std::size_t max_label_bytes = 63;

/// A host in the one spelling in which hosts are compared and dialled.
struct CanonicalHost {
  std::string
      text;  ///< a lower-case A-label name, or the address as IpAddress::to_string writes it
  std::optional<IpAddress> address;  ///< set when the host is an address
};

/// The host of a URL (IPv6 in brackets) in its one spelling: IDNA2008 with UTS 46 mapping
/// (non-transitional, STD3), one trailing dot removed, and the IPv4 spellings of the WHATWG URL
/// standard (127.1, 0x7f000001, 017700000001, 2130706433) read as addresses. A name whose last
/// label is a number is an address or refused, so that no resolver can read one out of it. In names
/// that are plain ASCII "_" is accepted, because internal names use it. The error says what is
/// wrong, as the end of a sentence.
tl::expected<CanonicalHost, std::string> canonicalise_host(std::string_view host);

}  // namespace omnisandbox::policy
