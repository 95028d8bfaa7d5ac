#pragma once

#include <optional>

#include "mcp/client.h"
#include "mcp/http/request_head.h"
#include "mcp/json_rpc.h"

/// Requests since revision 2026-07-28: each stands for itself, and its head repeats what is asked.
namespace omnisandbox::mcp {

/// Whether it is one of them, by its head or by what it says of itself.
bool is_stateless(const RequestHead& head, const ParsedJson& message);

/// The error where head and message do not agree.
std::optional<Answer> head_mismatch(const RequestHead& head, const ParsedJson& message);

/// The status of HTTP that goes with an answer.
unsigned stateless_status(const std::optional<Answer>& answer);

/// The client behind one request, which is gone with it.
class PassingClient final : public Client {
 public:
  /// What belongs to no request has nowhere to go.
  void push(const std::string&) override {}
};

}  // namespace omnisandbox::mcp
