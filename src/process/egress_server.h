#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"

namespace omnisandbox::process {

/// What a run was refused on its way to the network.
struct EgressReport {
  std::vector<Denial> denials{};  ///< in order; at most max_reported_denials
  std::uint64_t denial_count = 0;
};

/// One run's way to the network. Stops serving and joins its threads on destruction.
class EgressSession {
 public:
  virtual ~EgressSession() = default;
  /// Stops, and says what was refused. Every refusal is in the audit already.
  virtual EgressReport finish() = 0;
};

/// Serves an HTTP proxy on a listener that was made inside a run's network namespace. Whoever
/// connects there is the confined command; every request is judged by the policy. Thread rule:
/// `start` may be called from several threads.
class EgressServer {
 public:
  virtual ~EgressServer() = default;
  /// `listener`: a listening TCP socket, which the session owns from now on. Nothing is answered
  /// after `deadline`.
  virtual Expected<std::unique_ptr<EgressSession>> start(
      const Policy& policy, linux_::Fd listener, const std::string& run_id,
      std::chrono::steady_clock::time_point deadline) = 0;
};

}  // namespace omnisandbox::process
