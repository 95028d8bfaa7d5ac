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

namespace omnisandbox::egress {

struct ProxyOptions {
  std::shared_ptr<AuditSink> audit{};  ///< none: no records
  std::string run_id{};
  std::string sandbox = "process";  ///< as named in audit records
  /// Nothing is answered after it.
  std::chrono::steady_clock::time_point deadline{};
};

/// What a run's clients were refused.
struct ProxyReport {
  std::vector<Denial> denials{};  ///< in order; at most max_reported_denials
  std::uint64_t denial_count = 0;
};

/// The way out of one run: a proxy for HTTP/1.1 (absolute form and CONNECT) and SOCKS 5 on a
/// listening socket that only the run can connect to. Every request is judged by the policy, every
/// address when it is connected to, and every tunnel by the server name that its TLS asks for. A
/// name that the policy does not allow is never looked up.
///
/// Known gaps: what TLS carries cannot be seen, so a server that answers for several names may be
/// asked for another one inside (the Host header); with a wildcard rule the labels in front reach
/// the name servers of the allowed domain.
class Proxy {
 public:
  /// `listener`: a listening TCP socket, owned by the proxy from now on. `unavailable` where the
  /// policy demands an audit sink and there is none.
  static Expected<std::unique_ptr<Proxy>> start(Policy policy, linux_::Fd listener,
                                                ProxyOptions options);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  /// Ends all connections and waits for the thread, which waits for nobody.
  ~Proxy();

  /// The same, and says what was refused. A second call has nothing more to say.
  ProxyReport stop();

 private:
  class Impl;
  explicit Proxy(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnisandbox::egress
