#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "linux/fd.h"
#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"

namespace omnisandbox::process {

/// One run's way to the network. Stops serving and joins its threads on destruction.
class EgressSession {
 public:
  virtual ~EgressSession() = default;
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
