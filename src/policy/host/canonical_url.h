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
};

/// RFC 3986 with WHATWG's address spellings (0x7f.1, 017700000001, 2130706433). `invalid_argument`
/// for user info, control characters, backslashes, unknown schemes, bad ports, bad percent signs,
/// names that IDNA (libidn2, non-transitional) refuses, and more than 8 KiB.
Expected<CanonicalTarget> canonicalise_url(std::string_view url);

}  // namespace omnisandbox::policy
