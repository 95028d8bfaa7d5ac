#include <csignal>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "cli/audit_watch.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "linux/signals.h"
#include "mcp/limits.h"
#include "mcp/server.h"
#include "mcp/stdio_transport.h"
#include "runner/policy_source.h"
#include "runner/standard_backends.h"

namespace omnisandbox::cli {
namespace {

Expected<Policy> policy_of(const Options& options) {
  Policy policy = options.policy_file ? TRY(runner::load_policy(*options.policy_file)).policy
                                      : TRY(Policy::compile({}));
  return policy;
}

/// Whatever still runs gets a moment to end; then this process does, whatever blocks.
[[noreturn]] void end_now(mcp::Server& server, int exit_code) {
  server.stop();
  static_cast<void>(server.wait_until_idle(std::chrono::steady_clock::now() + mcp::stop_grace));
  std::_Exit(exit_code);
}

/// Ends the process soon after SIGINT or SIGTERM, for as long as it lives.
class EndBySignal {
 public:
  EndBySignal(linux_::SignalWaiter waiter, mcp::Server& server)
      : waiter_(std::move(waiter)), thread_([this, &server](const std::stop_token& done) {
          while (!done.stop_requested()) {
            const auto event = waiter_.wait(std::nullopt);
            if (!event || event->kind == linux_::SignalWaiter::Event::Kind::signal) {
              end_now(server, event ? exit_for_signal(event->signal) : exit_unavailable);
            }
          }
        }) {}
  ~EndBySignal() {
    thread_.request_stop();
    waiter_.wake();
  }
  EndBySignal(const EndBySignal&) = delete;
  EndBySignal& operator=(const EndBySignal&) = delete;

 private:
  linux_::SignalWaiter waiter_;
  std::jthread thread_;  // last: it uses the waiter
};

}  // namespace

int mcp_command(const Options& options) {
  auto signals = linux_::SignalWaiter::create({SIGINT, SIGTERM});
  if (!signals) {
    return report_error(signals.error(), exit_unavailable, options.json);
  }
  const auto policy = policy_of(options);
  if (!policy) {
    return report_error(policy.error(), exit_usage, options.json);
  }
  std::shared_ptr<AuditWatch> audit_file;
  if (options.audit_file) {
    auto opened = open_json_lines_audit(*options.audit_file);
    if (!opened) {
      return report_error(opened.error(), exit_unavailable, options.json);
    }
    audit_file = std::make_shared<AuditWatch>(*std::move(opened));
  } else if (policy->config().audit_required) {
    // What is kept for the audit resource is no log: it is gone with this process.
    return report_error(
        base::make_error(ErrorKind::unavailable,
                         "the policy demands an audit log (audit_required) and there is none; "
                         "name a file with --audit"),
        exit_unavailable, options.json);
  }
  auto tail = std::make_shared<runner::AuditTail>(audit_file, mcp::audit_tail_records);
  auto workspace = std::make_shared<mcp::Workspace>(mcp::Workspace{
      .policy = *policy,
      .timeout = options.timeout,
      .audit = tail,
      .runner = std::make_shared<runner::Runner>(runner::standard_backends(), tail)});
  mcp::Server server(std::move(workspace));
  Expected<void> served;
  {
    const EndBySignal end_by_signal(*std::move(signals), server);
    served = mcp::serve_stdio(server);
  }
  const int exit_code =
      served ? exit_ok : report_error(served.error(), exit_call_failed, options.json);
  if (const auto lost = audit_file ? audit_file->lost() : std::nullopt) {
    print_problem("an audit record was lost: " + lost->message);
  }
  // The server's end waits for its calls, and one may be blocked where nothing can end it.
  if (!server.wait_until_idle(std::chrono::steady_clock::now())) {
    std::_Exit(exit_code);
  }
  return exit_code;
}

}  // namespace omnisandbox::cli
