#include <utility>

#include "base/try.h"
#include "egress/proxy/proxy.h"
#include "omnisandbox/process_sandbox.h"
#include "process/egress_server.h"

namespace omnisandbox {
namespace process {
namespace {

class ProxySession final : public EgressSession {
 public:
  explicit ProxySession(std::unique_ptr<egress::Proxy> proxy) : proxy_(std::move(proxy)) {}
  EgressReport finish() override {
    egress::ProxyReport report = proxy_->stop();
    return {.denials = std::move(report.denials), .denial_count = report.denial_count};
  }

 private:
  std::unique_ptr<egress::Proxy> proxy_;
};

class ProxyServer final : public EgressServer {
 public:
  explicit ProxyServer(std::shared_ptr<AuditSink> audit) : audit_(std::move(audit)) {}
  Expected<std::unique_ptr<EgressSession>> start(
      const Policy& policy, linux_::Fd listener, const std::string& run_id,
      std::chrono::steady_clock::time_point deadline) override {
    auto proxy = TRY(egress::Proxy::start(
        policy, std::move(listener), {.audit = audit_, .run_id = run_id, .deadline = deadline}));
    return std::unique_ptr<EgressSession>(std::make_unique<ProxySession>(std::move(proxy)));
  }

 private:
  std::shared_ptr<AuditSink> audit_;  // shared with whoever else records
};

}  // namespace
}  // namespace process

std::shared_ptr<process::EgressServer> make_egress_server(std::shared_ptr<AuditSink> audit) {
  return std::make_shared<process::ProxyServer>(std::move(audit));
}

}  // namespace omnisandbox
