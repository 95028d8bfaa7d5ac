#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mcp/client.h"
#include "mcp/exchange.h"

namespace omnisandbox::mcp {

/// Keeps what goes out. For tests only.
class RecordingExchange final : public Exchange {
 public:
  void notify(const std::string& message) override {
    const std::lock_guard lock(mutex_);
    notifications_.push_back(message);
  }
  void finish(std::optional<Answer> answer) override {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
    ++finished_;
    changed_.notify_all();
  }

  std::vector<std::string> notifications() const {
    const std::lock_guard lock(mutex_);
    return notifications_;
  }
  int finished() const {
    const std::lock_guard lock(mutex_);
    return finished_;
  }
  std::optional<Answer> answer() const {
    const std::lock_guard lock(mutex_);
    return answer_;
  }
  /// Waits for the end; a test that hangs is ended by its runner.
  std::optional<Answer> wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return finished_ > 0; });
    return answer_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> notifications_;
  std::optional<Answer> answer_;
  int finished_ = 0;
};

/// A client that listens to nothing. For tests only.
class DeafClient final : public Client {
 public:
  void push(const std::string&) override {}
};

}  // namespace omnisandbox::mcp
