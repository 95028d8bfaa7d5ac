#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mcp/http/access.h"

/// The texts of HTTP/1.1 that are sent (RFC 9112).
namespace omnisandbox::mcp {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpAnswer {
  unsigned status = 200;
  std::string json{};  ///< the body; empty: none
  Headers headers{};
};

enum class AfterAnswer : std::uint8_t { next_request, close };

/// `Refusal` as an answer, whose body is the error that JSON-RPC has for it.
HttpAnswer refusal_answer(const Refusal& refusal);

/// Head and body.
std::string answer_text(const HttpAnswer& answer, AfterAnswer after);

/// The head of a stream of events, whose parts follow in chunks.
std::string event_stream_head(const Headers& headers);
std::string chunk(std::string_view data);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

}  // namespace omnisandbox::mcp
