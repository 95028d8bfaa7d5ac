#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "mcp/json_text.h"

/// JSON-RPC 2.0 (jsonrpc.org/specification) as MCP uses it: ids are strings or numbers, params are
/// objects.
namespace omnisandbox::mcp {

/// Codes of error answers: those of JSON-RPC, and those that MCP defines.
namespace error_code {
inline constexpr int parse_error = -32700;
inline constexpr int invalid_request = -32600;
inline constexpr int method_not_found = -32601;
inline constexpr int invalid_params = -32602;
inline constexpr int internal_error = -32603;
inline constexpr int resource_not_found = -32002;  ///< until 2025-11-25; invalid_params since
inline constexpr int header_mismatch = -32020;
inline constexpr int unsupported_protocol_version = -32022;
}  // namespace error_code

struct Request {
  Json id;  ///< a string or a number, sent back as it is
  std::string method;
  ParsedJson params;  ///< an object; empty where there are none
};
struct Notification {
  std::string method;
  ParsedJson params;
};
/// An answer. Nothing is ever asked of a client, so it has no reader.
struct Response {};
/// None of these. `id` is the request's where it can be read, else null.
struct InvalidMessage {
  Json id;
  std::string problem;
};
using Message = std::variant<Request, Notification, Response, InvalidMessage>;

Message read_message(ParsedJson message);
/// The id of an object as it is sent back; null for what is no id.
Json readable_id(const ParsedJson& message);

/// What a request is answered with: `text` is one line of JSON. `error_code` is 0 for a result.
struct Answer {
  std::string text;
  int error_code = 0;
};
Answer result_answer(const Json& id, Json result);
/// `data` is left out where it is null.
Answer error_answer(const Json& id, int code, std::string_view message, Json data = {});

std::string notification_text(std::string_view method, Json params);

}  // namespace omnisandbox::mcp
