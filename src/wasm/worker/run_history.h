#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace omnisandbox::wasm::worker {

/// Whether a module's runs have been short lately, and asked nothing of the host: others may then
/// wait behind them in the same worker. Thread-safe; a lost update only costs a run or two.
class RunHistory {
 public:
  bool is_short() const noexcept { return score_.load(std::memory_order_relaxed) >= enough; }
  /// A run that called no host function, or each of several in a row.
  void note(std::chrono::steady_clock::duration duration) noexcept {
    const std::uint32_t score = score_.load(std::memory_order_relaxed);
    // A busy machine makes some short runs long, so one long run is not the end.
    score_.store(duration <= short_run ? std::min(score + 1, most) : score / 2,
                 std::memory_order_relaxed);
  }
  /// A run called the host, failed, or kept others waiting.
  void forget() noexcept { score_.store(0, std::memory_order_relaxed); }

 private:
  // A whole row is over before the pool thinks that its queue stands still.
  static constexpr std::chrono::microseconds short_run{500};
  static constexpr std::uint32_t enough = 8;
  static constexpr std::uint32_t most = 32;
  std::atomic<std::uint32_t> score_{0};
};

}  // namespace omnisandbox::wasm::worker
