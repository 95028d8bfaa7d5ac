#pragma once

#include <algorithm>
#include <chrono>

namespace omnisandbox::runner {

/// The time until a deadline, for what takes a timeout: a millisecond where it has passed, so that
/// what comes too late ends as a timeout.
inline std::chrono::milliseconds time_until(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds(1));
}

}  // namespace omnisandbox::runner
