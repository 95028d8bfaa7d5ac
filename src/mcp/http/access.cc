#include "mcp/http/access.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "base/error.h"
#include "base/units.h"
#include "mcp/http/host_port.h"

namespace omnisandbox::mcp {
namespace {

constexpr unsigned http_1_1 = 11;

std::optional<Refusal> judge_host(const AccessRules& rules, const RequestHead& head) {
  const std::string* host = head.find("host");
  if (host == nullptr || head.count("host") != 1) {
    return Refusal{.status = 400, .reason = "a request has one Host header"};
  }
  const auto parsed = parse_host_port(*host);
  if (parsed && (parsed->is_address || parsed->is_loopback)) {
    return std::nullopt;
  }
  const bool is_listed =
      parsed && std::any_of(rules.hosts.begin(), rules.hosts.end(), [&](const std::string& listed) {
        return same_text_in_any_case(listed, *host) || same_text_in_any_case(listed, parsed->host);
      });
  if (is_listed) {
    return std::nullopt;
  }
  return Refusal{
      .status = 403,
      .reason = fmt::format("the server is not asked for under the name \"{}\"; start it "
                            "with --allow-host to add the name",
                            base::printable(*host, 256))};
}

bool is_listed_origin(const AccessRules& rules, std::string_view origin) {
  return std::any_of(
      rules.origins.begin(), rules.origins.end(),
      [origin](const std::string& listed) { return same_text_in_any_case(listed, origin); });
}

std::optional<Refusal> judge_origin(const AccessRules& rules, const RequestHead& head) {
  const std::string* origin = head.find("origin");
  if (origin == nullptr) {
    return std::nullopt;  // no browser
  }
  // The Host was judged before: a page of this very origin is none of somebody else's.
  if (head.count("origin") == 1 &&
      (is_listed_origin(rules, *origin) ||
       same_text_in_any_case(*origin, "http://" + *head.find("host")))) {
    return std::nullopt;
  }
  return Refusal{.status = 403,
                 .reason = fmt::format("pages of the origin \"{}\" may not speak to this server; "
                                       "start it with --allow-origin to let them",
                                       base::printable(*origin, 256))};
}

std::optional<Refusal> judge_token(const AccessRules& rules, const RequestHead& head) {
  if (!rules.token) {
    return std::nullopt;
  }
  constexpr std::string_view scheme = "Bearer ";
  const std::string* written = head.find("authorization");
  if (written != nullptr && head.count("authorization") == 1) {
    const std::string_view value = *written;
    const std::string_view token = trimmed(value.substr(std::min(scheme.size(), value.size())));
    if (same_text_in_any_case(value.substr(0, scheme.size()), scheme) &&
        token.size() == rules.token->size() &&
        ::CRYPTO_memcmp(token.data(), rules.token->data(), token.size()) == 0) {
      return std::nullopt;
    }
  }
  return Refusal{.status = 401,
                 .reason = "the request must bear this server's token: \"Authorization: Bearer …\"",
                 .headers = {{"WWW-Authenticate", "Bearer realm=\"omnisandbox\""}}};
}

}  // namespace

bool is_preflight(const RequestHead& head) {
  return head.method == "OPTIONS" && head.find("access-control-request-method") != nullptr;
}

std::string readable_origin(const AccessRules& rules, const RequestHead& head) {
  const std::string* origin = head.find("origin");
  return origin != nullptr && is_listed_origin(rules, *origin) ? *origin : std::string();
}

std::optional<Refusal> judge_access(const AccessRules& rules, const RequestHead& head) {
  if (head.version != http_1_1) {
    return Refusal{.status = 505, .reason = "the server speaks HTTP/1.1"};
  }
  if (auto refusal = judge_host(rules, head)) {
    return refusal;
  }
  if (auto refusal = judge_origin(rules, head)) {
    return refusal;
  }
  const bool is_question = is_preflight(head) && !readable_origin(rules, head).empty();
  if (!is_question) {
    if (auto refusal = judge_token(rules, head)) {
      return refusal;
    }
  }
  if (head.target != endpoint_path) {
    return Refusal{.status = 404,
                   .reason = fmt::format("there is nothing at this path; it is {}", endpoint_path)};
  }
  if (!is_question && head.method != "POST" && head.method != "GET" && head.method != "DELETE") {
    return Refusal{.status = 405,
                   .reason = "the methods are POST, GET and DELETE",
                   .headers = {{"Allow", "POST, GET, DELETE"}}};
  }
  return std::nullopt;
}

std::optional<Refusal> judge_body_terms(const RequestHead& head, std::uint64_t max_bytes) {
  if (head.find("transfer-encoding") != nullptr) {
    return Refusal{.status = 411, .reason = "a body says how long it is (Content-Length)"};
  }
  if (head.method != "POST") {
    return head.content_length.value_or(0) == 0
               ? std::nullopt
               : std::optional(Refusal{.status = 400, .reason = "only a POST has a body"});
  }
  if (!head.content_length) {
    return Refusal{.status = 411, .reason = "a POST says how long it is (Content-Length)"};
  }
  if (*head.content_length > max_bytes) {
    return Refusal{.status = 413,
                   .reason = fmt::format("a message is larger than the limit of {}",
                                         base::format_byte_size(max_bytes))};
  }
  const std::string* type = head.find("content-type");
  if (type == nullptr || head.count("content-type") != 1 ||
      !is_media_type(*type, "application/json")) {
    return Refusal{.status = 415, .reason = "a POST has the Content-Type application/json"};
  }
  if (const std::string* expect = head.find("expect");
      expect != nullptr && !same_text_in_any_case(*expect, "100-continue")) {
    return Refusal{.status = 417, .reason = "the only Expect is 100-continue"};
  }
  return std::nullopt;
}

}  // namespace omnisandbox::mcp
