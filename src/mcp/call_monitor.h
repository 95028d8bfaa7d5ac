#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "mcp/call.h"

namespace omnisandbox::mcp {

/// Ticks the calls under way, on a thread of its own that sleeps while there are none.
class CallMonitor {
 public:
  CallMonitor() : thread_([this](const std::stop_token& stop) { watch(stop); }) {}
  void add(std::shared_ptr<Call> call);

 private:
  void watch(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::shared_ptr<Call>> calls_;  // guarded by mutex_; shared with their work
  std::jthread thread_;                       // last: it uses the others
};

}  // namespace omnisandbox::mcp
