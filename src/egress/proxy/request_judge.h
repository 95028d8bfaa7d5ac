#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/host_functions.h"
#include "policy/compiled_policy.h"
#include "policy/host/canonical_url.h"

/// What a client may ask of the proxy. Pure: looks at the policy and at what was asked, and at
/// nothing else; in particular no name is looked up.
namespace omnisandbox::egress {

/// A request's head as the parser read it. Its framing is checked as far as one line can be.
struct RequestHead {
  std::string_view method;
  std::string_view target;  ///< as in the request line
  unsigned version = 11;    ///< 10 or 11
  std::vector<HttpHeader> headers{};
};

/// Why a request is answered by the proxy itself. With a denial, it is the policy that refuses.
struct Refusal {
  int status = 403;
  std::string reason{};  ///< of what is no matter of the policy
  std::optional<Denial> denial{};
};

/// What may be sent on, and where to.
struct JudgedRequest {
  policy::CanonicalTarget target;
  policy::CompiledPolicy::HttpGrant grant;
  std::string asked_as;
  std::string method;                 ///< empty: of a tunnel
  std::vector<HttpHeader> headers{};  ///< end to end only, without Host and framing
};

/// A request in absolute form (RFC 9112 section 3.2.2), judged as http_fetch judges: method,
/// overriding methods, URL. Refused besides: other forms, https (a tunnel's), a Host header that
/// names another host than the URL, and framing that two servers could read in two ways.
tl::expected<JudgedRequest, Refusal> judge_request(const policy::CompiledPolicy& policy,
                                                   const RequestHead& head);

/// CONNECT (RFC 9110 section 9.3.6).
tl::expected<JudgedRequest, Refusal> judge_connect(const policy::CompiledPolicy& policy,
                                                   const RequestHead& head);

/// A tunnel to "name:port", "1.2.3.4:port" or "[::1]:port", for CONNECT and SOCKS.
tl::expected<JudgedRequest, Refusal> judge_tunnel(const policy::CompiledPolicy& policy,
                                                  std::string_view authority);

/// May TLS that asks for `server_name` (empty: for none) go through a tunnel to `target`? The name
/// must be the tunnel's own; addresses have none (RFC 6066 section 3).
std::optional<Denial> judge_server_name(const JudgedRequest& tunnel, std::string_view server_name);

/// What else is refused inside a tunnel, with `reason`.
Denial tunnel_denial(const JudgedRequest& tunnel, std::string reason);

/// The headers of a message that go on to the other side: neither of the connection (RFC 9110
/// section 7.6.1), nor for proxies, nor of the framing.
std::vector<HttpHeader> end_to_end_headers(const std::vector<HttpHeader>& headers);

/// Whether the body of a message with these headers ends where only one reading says: at most one
/// Content-Length, or one Transfer-Encoding that is exactly "chunked", never both, and no coding
/// before HTTP/1.1 (RFC 9112 section 6).
bool has_plain_framing(const std::vector<HttpHeader>& headers, unsigned version);

}  // namespace omnisandbox::egress
