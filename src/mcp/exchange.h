#pragma once

#include <optional>
#include <string>

#include "mcp/json_rpc.h"

namespace omnisandbox::mcp {

/// Where what belongs to one message of a client goes: notifications first, then its answer. Made
/// by a transport. Thread rule: used by one thread at a time, from any thread. Does not wait for
/// the client longer than its transport says.
class Exchange {
 public:
  virtual ~Exchange() = default;
  /// A notification that belongs to the request. Lost where the client has gone.
  virtual void notify(const std::string& message) = 0;
  /// Ends the exchange; called once. Without an answer: the message was a notification, or a
  /// request that the client has cancelled.
  virtual void finish(std::optional<Answer> answer) = 0;
};

}  // namespace omnisandbox::mcp
