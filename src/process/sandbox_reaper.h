#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "process/prepared_sandbox.h"

namespace omnisandbox::process {

/// Takes away, in the background, what runs leave whose processes have all ended: the kernel waits
/// for its own grace periods while it frees mounts and groups, and no caller needs to. Thread rule:
/// every member function may be called from any thread.
class SandboxReaper {
 public:
  SandboxReaper() = default;
  /// All that was handed over is gone then.
  ~SandboxReaper();
  SandboxReaper(const SandboxReaper&) = delete;
  SandboxReaper& operator=(const SandboxReaper&) = delete;

  /// `ended` has no process any more. Where too many wait already, it is taken away before this
  /// returns: whoever makes more than can be removed waits for it.
  void take_away(std::unique_ptr<PreparedSandbox> ended);
  /// How many wait.
  std::size_t waiting() const;

 private:
  bool hand_over(std::unique_ptr<PreparedSandbox>& ended);
  void work(const std::stop_token& stop);

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::unique_ptr<PreparedSandbox>> ended_;  // guarded by mutex_
  std::jthread thread_;  // guarded by mutex_; started by the first one. Last: it uses the others
};

// Each keeps a dozen descriptors, a mount namespace and a zombie.
inline constexpr std::size_t max_waiting_sandboxes = 32;

}  // namespace omnisandbox::process
