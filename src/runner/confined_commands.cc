#include "runner/confined_commands.h"

#include <mutex>
#include <utility>

#include "base/try.h"
#include "omnisandbox/process_sandbox.h"

namespace omnisandbox::runner {
namespace {

class ConfinedCommands final : public CommandRunner {
 public:
  explicit ConfinedCommands(std::shared_ptr<AuditSink> audit) : audit_(std::move(audit)) {}
  Expected<Result> run(const Policy& policy, const CommandRequest& request,
                       std::chrono::steady_clock::time_point deadline,
                       std::stop_token stop) override {
    const auto commands = TRY(prepared());
    return commands->run(policy, request, deadline, std::move(stop));
  }

 private:
  Expected<std::shared_ptr<CommandRunner>> prepared() {
    const std::lock_guard lock(mutex_);
    if (commands_ == nullptr) {
      commands_ = TRY(make_process_command_runner({.egress = make_egress_server(audit_)}));
    }
    return commands_;
  }

  std::shared_ptr<AuditSink> audit_;  // may be null
  std::mutex mutex_;
  // Shared with the runs under way.
  std::shared_ptr<CommandRunner> commands_;
};

}  // namespace

std::shared_ptr<CommandRunner> confined_commands(std::shared_ptr<AuditSink> audit) {
  return std::make_shared<ConfinedCommands>(std::move(audit));
}

}  // namespace omnisandbox::runner
