#include "egress/proxy/request_judge.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "egress/http_headers.h"

namespace omnisandbox::egress {
namespace {

// Together with what the Connection header names, and with all that begins with "Proxy-".
constexpr std::array<std::string_view, 12> dropped_headers = {
    "connection", "keep-alive",     "te",     "trailer",        "transfer-encoding", "upgrade",
    "host",       "content-length", "expect", "http2-settings", "alt-used",          "alt-svc"};

bool is_dropped(std::string_view name) {
  constexpr std::string_view proxy = "proxy-";
  return same_name(name.substr(0, proxy.size()), proxy) ||
         std::any_of(dropped_headers.begin(), dropped_headers.end(),
                     [&](std::string_view dropped) { return same_name(name, dropped); });
}

std::string_view without_spaces(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// Whether a Connection header names `name` as one that belongs to the connection.
bool is_named_by_connection(const std::vector<HttpHeader>& headers, std::string_view name) {
  for (const HttpHeader& header : headers) {
    if (!same_name(header.name, "connection") && !same_name(header.name, "proxy-connection"))
      continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      if (same_name(without_spaces(rest.substr(0, comma)), name)) return true;
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    }
  }
  return false;
}

tl::unexpected<Refusal> bad_request(std::string reason) {
  return tl::unexpected(Refusal{.status = 400, .reason = std::move(reason)});
}

tl::unexpected<Refusal> denied(Denial denial) {
  return tl::unexpected(Refusal{.status = 403, .denial = std::move(denial)});
}

// The answer to a URL that cannot be used.
tl::unexpected<Refusal> refused_url(Error error) {
  if (error.denial) return denied(*std::move(error.denial));
  return bad_request(std::move(error.message));
}

// Virtual hosts are chosen by the Host header: it is part of what is judged. Others than the URL's
// would be replaced, silently giving an answer to another question.
std::optional<Refusal> check_host_header(const RequestHead& head,
                                         const policy::CanonicalTarget& target) {
  const HttpHeader* host = nullptr;
  for (const HttpHeader& header : head.headers) {
    if (!same_name(header.name, "host")) continue;
    if (host != nullptr)
      return Refusal{.status = 400, .reason = "the request has two Host headers"};
    host = &header;
  }
  if (host == nullptr) return std::nullopt;
  const std::string_view value = without_spaces(host->value);
  if (value.find_first_of("/?#@\\") == std::string_view::npos) {
    const auto named = policy::canonicalise_url("http://" + std::string(value) + "/");
    if (named && named->host == target.host && named->port == target.port) return std::nullopt;
  }
  return Refusal{.denial =
                     Denial{.capability = Capability::net_http,
                            .resource = std::string(head.target),
                            .rule = {},
                            .reason = fmt::format("the Host header says {}, and the URL says {}",
                                                  base::printable(value, 200),
                                                  base::printable(target.host, 300)),
                            .remedy = {}}};
}

}  // namespace

std::vector<HttpHeader> end_to_end_headers(const std::vector<HttpHeader>& headers) {
  std::vector<HttpHeader> kept;
  kept.reserve(headers.size());
  const bool has_connection = find_header(headers, "connection") != nullptr ||
                              find_header(headers, "proxy-connection") != nullptr;
  for (const HttpHeader& header : headers) {
    if (is_dropped(header.name)) continue;
    if (has_connection && is_named_by_connection(headers, header.name)) continue;
    kept.push_back(header);
  }
  return kept;
}

bool has_plain_framing(const std::vector<HttpHeader>& headers, unsigned version) {
  int lengths = 0;
  int codings = 0;
  for (const HttpHeader& header : headers) {
    if (same_name(header.name, "content-length")) {
      ++lengths;
      const std::string_view value = without_spaces(header.value);
      const bool is_number = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
        return c >= '0' && c <= '9';
      });
      if (!is_number) return false;
    } else if (same_name(header.name, "transfer-encoding")) {
      ++codings;
      if (!same_name(without_spaces(header.value), "chunked") || version < 11) return false;
    }
  }
  return lengths + codings <= 1;
}

tl::expected<JudgedRequest, Refusal> judge_request(const policy::CompiledPolicy& policy,
                                                   const RequestHead& head) {
  constexpr std::string_view scheme = "http://";
  if (!same_name(head.target.substr(0, scheme.size()), scheme)) {
    if (same_name(head.target.substr(0, 8), "https://"))
      return bad_request("https goes through a tunnel: send CONNECT host:port first");
    return bad_request(
        "this is a proxy: send requests for http with their whole URL (GET http://host/path), and "
        "CONNECT host:port for https");
  }
  if (!has_plain_framing(head.headers, head.version))
    return bad_request("Content-Length and Transfer-Encoding leave open where the body ends");
  auto method = canonical_method(head.method);
  if (!method) return bad_request(std::move(method).error().message);
  auto headers = checked_headers(end_to_end_headers(head.headers));
  if (!headers) return bad_request(std::move(headers).error().message);
  auto target = policy::canonicalise_url(head.target);
  if (!target) return refused_url(std::move(target).error());
  if (auto refusal = check_host_header(head, *target)) return tl::unexpected(*std::move(refusal));

  auto grant = policy.judge_request(*target, *method, head.target);
  if (!grant) return denied(std::move(grant).error());
  // A server that obeys X-HTTP-Method-Override sees that method, so the policy must allow it, too.
  auto overriding = overriding_methods(*headers);
  if (!overriding) return bad_request(std::move(overriding).error().message);
  for (const std::string& other : *overriding) {
    if (auto also = policy.judge_request(*target, other, head.target); !also)
      return denied(std::move(also).error());
  }
  return JudgedRequest{*std::move(target), *std::move(grant), std::string(head.target),
                       *std::move(method), *std::move(headers)};
}

tl::expected<JudgedRequest, Refusal> judge_connect(const policy::CompiledPolicy& policy,
                                                   const RequestHead& head) {
  for (const char* name : {"content-length", "transfer-encoding"}) {
    // What it announced could be taken for the tunnel's first bytes, or the other way round.
    if (find_header(head.headers, name) != nullptr)
      return bad_request("CONNECT has no body, and so no Content-Length or Transfer-Encoding");
  }
  return judge_tunnel(policy, head.target);
}

tl::expected<JudgedRequest, Refusal> judge_tunnel(const policy::CompiledPolicy& policy,
                                                  std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  const std::string_view port =
      colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool is_port =
      error == std::errc{} && end == port.data() + port.size() && number > 0 && number <= 65535;
  if (!is_port) return bad_request("a tunnel leads to HOST:PORT");
  const std::string_view host = authority.substr(0, colon);
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
  if (host.empty() || host.find_first_of("/?#\\") != std::string_view::npos ||
      (!is_bracketed && host.find(':') != std::string_view::npos)) {
    return bad_request("a tunnel leads to HOST:PORT, with an IPv6 address in brackets");
  }
  auto target = policy::canonicalise_url("https://" + std::string(authority) + "/");
  if (!target) return refused_url(std::move(target).error());
  auto grant = policy.judge_tunnel(*target, authority);
  if (!grant) {
    Denial denial = std::move(grant).error();
    if (!denial.rule.empty()) {
      denial.reason +=
          "; a tunnel carries https only, and takes a rule that limits neither paths nor methods";
    }
    return denied(std::move(denial));
  }
  return JudgedRequest{*std::move(target), *std::move(grant), std::string(authority), {}, {}};
}

std::optional<Denial> judge_server_name(const JudgedRequest& tunnel, std::string_view server_name) {
  if (server_name == tunnel.target.host) return std::nullopt;
  if (server_name.empty()) {
    if (tunnel.target.host_is_address) return std::nullopt;
    return tunnel_denial(tunnel,
                         fmt::format("its ClientHello names no server (SNI), and must name {}",
                                     base::printable(tunnel.target.host, 300)));
  }
  return tunnel_denial(tunnel, fmt::format("its ClientHello asks for {} (SNI), and it leads to {}",
                                           base::printable(server_name, 300),
                                           base::printable(tunnel.target.host, 300)));
}

Denial tunnel_denial(const JudgedRequest& tunnel, std::string reason) {
  return Denial{.capability = Capability::net_http,
                .resource = tunnel.asked_as,
                .rule = std::string(tunnel.grant.rule),
                .reason = "the tunnel was allowed and then closed: " + std::move(reason),
                .remedy = {}};
}

}  // namespace omnisandbox::egress
