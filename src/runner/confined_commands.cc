#include "runner/confined_commands.h"

#include <mutex>
#include <utility>

#include "base/try.h"
#include "omnisandbox/process_sandbox.h"

namespace omnisandbox::runner {
namespace {

class ConfinedCommands final : public CommandRunner {
 public:
  ConfinedCommands(std::shared_ptr<AuditSink> audit, std::string launcher)
      : audit_(std::move(audit)), launcher_(std::move(launcher)) {}
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
      commands_ = TRY(make_process_command_runner(
          {.launcher = launcher_, .egress = make_egress_server(audit_)}));
    }
    return commands_;
  }

  std::shared_ptr<AuditSink> audit_;  // may be null
  const std::string launcher_;
  std::mutex mutex_;
  // Shared with the runs under way.
  std::shared_ptr<CommandRunner> commands_;
};

}  // namespace

std::shared_ptr<CommandRunner> confined_commands(std::shared_ptr<AuditSink> audit,
                                                 std::string launcher) {
  return std::make_shared<ConfinedCommands>(std::move(audit), std::move(launcher));
}

}  // namespace omnisandbox::runner
