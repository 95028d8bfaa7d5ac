#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "cli/audit_watch.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/mcp_http.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "linux/signals.h"
#include "mcp/limits.h"
#include "mcp/server.h"
#include "mcp/stdio_transport.h"
#include "mcp/tool_folder/tool_folder.h"
#include "runner/docker_probe.h"
#include "runner/policy_source.h"
#include "runner/standard_backends.h"

namespace omnisandbox::cli {
namespace {

struct Granted {
  Policy policy;
  /// Of a policy that names an image, where an engine is there.
  std::optional<DockerConfig> container{};
};

Expected<Granted> granted_by(const Options& options) {
  if (!options.policy_file) {
    return Granted{.policy = TRY(Policy::compile({}))};
  }
  runner::LoadedPolicy loaded = TRY(runner::load_policy(
      *options.policy_file,
      runner::audit_files(options.audit_file, options.kept_audit_files_or_default())));
  Granted granted{.policy = std::move(loaded.policy)};
  // Only who could use an engine looks for one: it can take a moment to answer.
  if (loaded.file.docker && !loaded.file.docker->image.empty() &&
      granted.policy.has(Capability::exec_run)) {
    if (const auto engine = runner::probe_docker()) {
      granted.container = std::move(loaded.file.docker);
    } else {
      print_problem("run_container is not offered: " + engine.error().message);
    }
  }
  return granted;
}

/// Whatever still runs gets a moment to end; then this process does, whatever blocks.
[[noreturn]] void end_now(mcp::Server& server, mcp::HttpServer* http, int exit_code) {
  server.stop();
  static_cast<void>(server.wait_until_idle(std::chrono::steady_clock::now() + mcp::stop_grace));
  if (http != nullptr) {
    http->flush(mcp::stop_grace);
  }
  std::_Exit(exit_code);
}

/// Ends the process soon after SIGINT or SIGTERM, for as long as it lives.
class EndBySignal {
 public:
  EndBySignal(linux_::SignalWaiter waiter, mcp::Server& server, mcp::HttpServer* http)
      : waiter_(std::move(waiter)), thread_([this, &server, http](const std::stop_token& done) {
          while (!done.stop_requested()) {
            const auto event = waiter_.wait(std::nullopt);
            if (!event || event->kind == linux_::SignalWaiter::Event::Kind::signal) {
              end_now(server, http, event ? exit_for_signal(event->signal) : exit_unavailable);
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

/// Serves until the input ends, or by HTTP until a signal comes.
Expected<void> serve(mcp::Server& server, mcp::HttpServer* http) {
  if (http == nullptr) {
    return mcp::serve_stdio(server);
  }
  http->run();
  return {};
}

}  // namespace

int mcp_command(const Options& options) {
  if (const std::string problem = problem_with_http_options(options); !problem.empty()) {
    return report_usage_error(problem, options.json);
  }
  auto signals = linux_::SignalWaiter::create({SIGINT, SIGTERM});
  if (!signals) {
    return report_error(signals.error(), exit_unavailable, options.json);
  }
  const auto granted = granted_by(options);
  if (!granted) {
    return report_error(granted.error(), exit_usage, options.json);
  }
  const Policy& policy = granted->policy;
  if (options.tools_folder) {
    if (const auto usable = mcp::check_tool_folder(policy, *options.tools_folder); !usable) {
      return report_error(usable.error(), exit_usage, options.json);
    }
  }
  std::shared_ptr<AuditWatch> audit_file;
  if (options.audit_file) {
    auto opened = open_json_lines_audit(*options.audit_file, default_audit_file_bytes,
                                        options.kept_audit_files_or_default());
    if (!opened) {
      return report_error(opened.error(), exit_unavailable, options.json);
    }
    audit_file = std::make_shared<AuditWatch>(*std::move(opened));
  } else if (policy.config().audit_required) {
    // What is kept for the audit resource is no log: it is gone with this process.
    return report_error(
        base::make_error(ErrorKind::unavailable,
                         "the policy demands an audit log (audit_required) and there is none; "
                         "name a file with --audit"),
        exit_unavailable, options.json);
  }
  auto tail = std::make_shared<runner::AuditTail>(audit_file, mcp::audit_tail_records);
  auto workspace = std::make_shared<mcp::Workspace>(mcp::Workspace{
      .policy = policy,
      .timeout = options.timeout,
      .container = granted->container,
      .explain = options.explain ? mcp::ExplainRefusals::yes : mcp::ExplainRefusals::no,
      .audit = tail,
      .runner = std::make_shared<runner::Runner>(runner::standard_backends(), tail)});
  mcp::Server server(workspace);
  std::unique_ptr<mcp::HttpServer> http;
  if (options.http_address) {
    auto listening = listen_by_http(server, options);
    if (!listening) {
      const bool is_usage = listening.error().kind == ErrorKind::invalid_argument;
      return report_error(listening.error(), is_usage ? exit_usage : exit_unavailable,
                          options.json);
    }
    http = *std::move(listening);
  }
  std::unique_ptr<mcp::ToolFolder> tools;
  if (options.tools_folder) {
    auto started = mcp::ToolFolder::start(
        server, workspace, *options.tools_folder,
        [](const std::string& problem) { print_problem("tools: " + problem); });
    if (!started) {
      return report_error(started.error(), exit_unavailable, options.json);
    }
    tools = *std::move(started);
  }
  Expected<void> served;
  {
    const EndBySignal end_by_signal(*std::move(signals), server, http.get());
    served = serve(server, http.get());
  }
  const int exit_code =
      served ? exit_ok : report_error(served.error(), exit_call_failed, options.json);
  if (const auto lost = audit_file ? audit_file->lost() : std::nullopt) {
    print_problem("an audit record was lost: " + lost->message);
  }
  const auto now = std::chrono::steady_clock::now();
  const bool tools_have_ended = tools == nullptr || tools->end(now + mcp::stop_grace);
  // The server's end waits for its calls, and one may be blocked where nothing can end it.
  if (!tools_have_ended || !server.wait_until_idle(now)) {
    std::_Exit(exit_code);
  }
  return exit_code;
}

}  // namespace omnisandbox::cli
