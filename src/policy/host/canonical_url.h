#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "omnisandbox/expected.h"

namespace omnisandbox::policy {

/// A URL's target after canonicalisation; the only form in which hosts are compared.
struct CanonicalTarget {
  std::string scheme;  ///< "http" or "https", lower case
  std::string host;    ///< lower-case A-label name without a trailing dot, or the IP in its one
                       ///< spelling (RFC 5952, no brackets)
  bool host_is_address = false;
  std::uint16_t port = 0;
  std::string path;  ///< begins with "/", dot segments removed, without query; for prefix rules
  std::string url;   ///< the URL rebuilt from the canonical parts, with query, without fragment:
                     ///< what is fetched

  bool operator==(const CanonicalTarget&) const = default;
};

/// Longest URL that is read, in bytes. Servers commonly refuse more than 8 KiB.
inline constexpr std::size_t max_url_bytes = 8 * 1024;

/// RFC 3986 with WHATWG's address spellings (0x7f.1, 017700000001, 2130706433). Canonicalising
/// `url` of the answer gives the same answer. Printable characters that RFC 3986 does not allow in
/// a path or a query, and those beyond ASCII, are percent-encoded there. `invalid_argument` for
/// control characters, backslashes, bad ports, bad percent signs, names that IDNA (libidn2,
/// non-transitional) refuses, IPv6 zones, and more than `max_url_bytes`. `denied` for what is a URL
/// and can never be allowed: user info, and schemes other than http and https.
Expected<CanonicalTarget> canonicalise_url(std::string_view url);

/// The same for a reference as it stands in a Location header, resolved against `base` (RFC 3986
/// section 5.2).
Expected<CanonicalTarget> canonicalise_reference(const CanonicalTarget& base,
                                                 std::string_view reference);

/// The port that a URL of `scheme` ("http" or "https") means when it names none.
std::uint16_t default_port(std::string_view scheme) noexcept;

/// "example.com", "10.0.0.1" or "[::1]": the host as it stands in a URL.
std::string host_in_url(const CanonicalTarget& target);

/// "https://example.com", with the port where it is not the default one. Two URLs with the same
/// origin may share credentials (RFC 6454).
std::string origin_of(const CanonicalTarget& target);

}  // namespace omnisandbox::policy
