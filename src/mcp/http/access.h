#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mcp/http/request_head.h"

/// Who may speak to the server, decided on the head of each request before its body is read.
namespace omnisandbox::mcp {

struct AccessRules {
  /// What each request must bear; unset: whoever can reach the port may speak.
  std::optional<std::string> token{};
  /// Names, beside IP addresses and "localhost", under which clients reach the server, with or
  /// without a port. A browser that was led astray by DNS sends a name of its own.
  std::vector<std::string> hosts{};
  /// Origins of web pages that may speak to the server ("https://app.example.com").
  std::vector<std::string> origins{};
};

/// Why a request is not served.
struct Refusal {
  unsigned status = 0;  ///< of HTTP
  std::string reason;
  std::vector<std::pair<std::string, std::string>> headers{};
};

/// The one path that is served.
inline constexpr std::string_view endpoint_path = "/mcp";

/// In this order: version, Host, Origin, token, path, method.
std::optional<Refusal> judge_access(const AccessRules& rules, const RequestHead& head);

/// What a request has to say of its body; only a POST has one.
std::optional<Refusal> judge_body_terms(const RequestHead& head, std::uint64_t max_bytes);

/// The Origin where it is one of the rules': its page may read the answers. Else empty.
std::string readable_origin(const AccessRules& rules, const RequestHead& head);

/// A browser's question beforehand (OPTIONS), which never bears the token.
bool is_preflight(const RequestHead& head);

}  // namespace omnisandbox::mcp
