#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "linux/channels.h"
#include "linux/seccomp_listener.h"
#include "omnisandbox/policy.h"
#include "process/launch_plan.h"
#include "process/refusal_diagnosis.h"
#include "process/refusal_list.h"

namespace omnisandbox::process {

struct WatchTerms {
  const Policy& policy;            ///< outlives the watch
  const LaunchPlan& walls;         ///< likewise
  std::string enforcing_filter{};  ///< what decides of each call that is handed over
  bool wants_network = false;      ///< the policy grants this command a network
};

/// Answers the calls that a run's filter hands over, as the enforcing filter would have done, and
/// notes what was refused. On a thread of its own, so that nothing in the run waits for it but the
/// calling thread of the command. Where answering fails the listener closes, and the calls fail.
class RefusalWatch {
 public:
  static Expected<std::unique_ptr<RefusalWatch>> start(linux_::Fd listener, WatchTerms terms);
  ~RefusalWatch();
  RefusalWatch(const RefusalWatch&) = delete;
  RefusalWatch& operator=(const RefusalWatch&) = delete;

  /// Stops, and gives what was noted. The processes must be gone, or be about to.
  RefusalList finish();

 private:
  RefusalWatch(linux_::SeccompListener listener, linux_::WakeUp wake_up, WatchTerms terms);
  Expected<void> start_serving();
  void serve(const std::stop_token& stop);
  /// False where the listener is of no use any more.
  bool serve_one();
  Expected<void> answer(const linux_::HandedCall& call);
  void note_system_call(const linux_::HandedCall& call, int error_number);
  void note_paths(const linux_::HandedCall& call);

  std::optional<linux_::SeccompListener> listener_;
  const linux_::WakeUp wake_up_;
  const WatchTerms terms_;
  const RefusalDiagnosis diagnosis_;
  // Of the thread; read after it has ended.
  RefusalList list_;
  linux_::Fd root_;
  std::uint64_t examined_calls_ = 0;
  std::jthread thread_;  // last: it uses the others
};

// Later calls go on without being looked at: a second or two of looking in a run.
inline constexpr std::uint64_t max_examined_calls = 50'000;

}  // namespace omnisandbox::process
