#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "mcp/exchange.h"

namespace omnisandbox::mcp {

/// The exchange of a batch of `size` messages, shared out: one part for each message. The answers
/// go out together, as one array, when the last of them is there (JSON-RPC 2.0, section 6).
class Batch : public std::enable_shared_from_this<Batch> {
 public:
  Batch(std::size_t size, std::shared_ptr<Exchange> whole)
      : remaining_(size), whole_(std::move(whole)) {}
  std::shared_ptr<Exchange> part();

 private:
  class Part;
  void notify(const std::string& message);
  void finish_part(const std::optional<Answer>& answer);

  std::mutex mutex_;
  std::size_t remaining_;            // guarded by mutex_
  std::string answers_;              // guarded by mutex_
  std::shared_ptr<Exchange> whole_;  // guarded by mutex_
};

}  // namespace omnisandbox::mcp
