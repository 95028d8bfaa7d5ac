#include "mcp/http/stateless.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "mcp/request_meta.h"
#include "mcp/revision.h"
#include "runner/base64.h"

namespace omnisandbox::mcp {
namespace {

/// A header's value: text that does not fit into one is written "=?base64?…?=". Nothing for what
/// is broken.
std::optional<std::string> decoded(std::string_view value) {
  constexpr std::string_view start = "=?base64?";
  constexpr std::string_view end = "?=";
  if (value.size() < start.size() + end.size() || !value.starts_with(start) ||
      !value.ends_with(end)) {
    return std::string(value);
  }
  value.remove_prefix(start.size());
  value.remove_suffix(end.size());
  return runner::from_base64(value);
}

/// The parameter whose value the head repeats as Mcp-Name; null for methods without one.
const char* name_parameter(std::string_view method) {
  if (method == "tools/call") {
    return "name";
  }
  return method == "resources/read" ? "uri" : nullptr;
}

const ParsedJson* params_of(const ParsedJson& message) {
  const auto found = message.find("params");
  return found != message.end() && found->is_object() ? &*found : nullptr;
}

}  // namespace

bool is_stateless(const RequestHead& head, const ParsedJson& message) {
  if (const std::string* version = head.find("mcp-protocol-version")) {
    const auto revision = revision_from_string(*version);
    if (revision && *revision >= first_without_handshake) {
      return true;
    }
  }
  if (!message.is_object() || head.find("mcp-session-id") != nullptr ||
      string_member(message, "method") == "initialize") {
    return false;
  }
  const ParsedJson* params = params_of(message);
  return string_member(message, "method") == "server/discover" ||
         (params != nullptr && names_its_revision(*params));
}

std::optional<Answer> head_mismatch(const RequestHead& head, const ParsedJson& message) {
  const Json id = message.is_object() ? readable_id(message) : Json();
  const auto mismatch = [&id](std::string_view why) {
    return error_answer(id, error_code::header_mismatch, why);
  };
  for (const char* name : {"mcp-protocol-version", "mcp-method", "mcp-name"}) {
    if (head.count(name) > 1) {
      return mismatch(std::string("the header ") + name + " is there twice");
    }
  }
  if (!message.is_object()) {
    return error_answer(nullptr, error_code::invalid_request,
                        "this revision of the protocol has no batches; send one message at a time");
  }
  if (!message.contains("id") || !message.contains("method")) {
    return std::nullopt;  // a notification, or nothing that is asked
  }
  const ParsedJson* params = params_of(message);
  const std::string method = string_member(message, "method");
  const std::string* version = head.find("mcp-protocol-version");
  const std::string named = params == nullptr ? std::string() : revision_named_by(*params);
  if (version == nullptr || (!named.empty() && *version != named)) {
    return mismatch("the header MCP-Protocol-Version does not repeat the request's revision");
  }
  const std::string* method_header = head.find("mcp-method");
  if (method_header == nullptr || *method_header != method) {
    return mismatch("the header Mcp-Method does not repeat the request's method");
  }
  const char* parameter = name_parameter(method);
  if (parameter != nullptr && params != nullptr && params->contains(parameter)) {
    const std::string* name = head.find("mcp-name");
    const auto text = name == nullptr ? std::nullopt : decoded(*name);
    if (!text || *text != string_member(*params, parameter)) {
      return mismatch("the header Mcp-Name does not repeat the request's name");
    }
  }
  return std::nullopt;
}

unsigned stateless_status(const std::optional<Answer>& answer) {
  constexpr unsigned accepted = 202;
  constexpr unsigned bad_request = 400;
  constexpr unsigned not_found = 404;
  constexpr std::array bad = {error_code::parse_error, error_code::invalid_request,
                              error_code::invalid_params, error_code::header_mismatch,
                              error_code::unsupported_protocol_version};
  if (!answer) {
    return accepted;
  }
  if (answer->error_code == error_code::method_not_found) {
    return not_found;
  }
  return std::find(bad.begin(), bad.end(), answer->error_code) != bad.end() ? bad_request : 200;
}

}  // namespace omnisandbox::mcp
