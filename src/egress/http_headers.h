#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"

/// What a guest may say in a request, and which of it goes along on a redirect.
namespace omnisandbox::egress {

// Servers commonly refuse requests beyond these; a guest must not make the host send megabytes of
// headers.
inline constexpr std::size_t max_request_headers = 100;
inline constexpr std::size_t max_request_header_bytes = 64 * 1024;
inline constexpr std::size_t max_method_bytes = 32;

/// `method` in upper case. `invalid_argument` where it is no token (RFC 9110 section 9.1).
Expected<std::string> canonical_method(std::string_view method);

/// Checks names and values (RFC 9110 section 5) and takes the white space around values away.
/// `invalid_argument` for CR, LF, NUL and other control characters, for headers that belong to the
/// connection or the framing (Host, Content-Length, Transfer-Encoding, Connection, Proxy-*, …), for
/// those that make some servers handle another path than the judged one (X-Original-URL,
/// X-Rewrite-URL), for Proxy, which gateways hand to programs as their proxy, and beyond the limits
/// above. X_Original_URL and the like are the same: behind a gateway they may have one name.
Expected<std::vector<HttpHeader>> checked_headers(std::span<const HttpHeader> headers);

/// The methods that headers such as X-HTTP-Method-Override ask for, in upper case: a server may
/// obey them, so they are judged as well.
Expected<std::vector<std::string>> overriding_methods(std::span<const HttpHeader> headers);

/// The value of the first header called `name`, in any case; null without one.
const std::string* find_header(std::span<const HttpHeader> headers, std::string_view name);

/// Leaves only what says nothing about who asks: after a redirect to another origin, Authorization,
/// Cookie, API keys in headers of any name, and everything else that is not known to be harmless
/// stays behind.
void drop_for_other_origin(std::vector<HttpHeader>& headers);
/// Drops the headers that describe a body, after a redirect that drops the body.
void drop_body_headers(std::vector<HttpHeader>& headers);

/// ASCII letters compared without case.
bool same_name(std::string_view a, std::string_view b) noexcept;

}  // namespace omnisandbox::egress
