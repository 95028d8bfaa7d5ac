#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/standard_input.h"
#include "cli/terminal.h"
#include "linux/standard_streams.h"
#include "runner/choose_sandbox.h"

namespace omnisandbox::cli {
namespace {

using runner::IsolationChoice;
using runner::SandboxKind;

/// An option that the chosen sandbox has no use for would be ignored in silence.
std::optional<std::string> misplaced_option(const Options& options, SandboxKind sandbox) {
  const auto for_another = [&](std::string_view option, SandboxKind owner) {
    return fmt::format(
        "{} is for the {} sandbox, and this run is for {}; leave it out, or choose with --sandbox",
        option, to_string(owner), to_string(sandbox));
  };
  if (!options.image.empty() && sandbox != SandboxKind::docker) {
    return for_another("--image", SandboxKind::docker);
  }
  if (options.network && sandbox != SandboxKind::docker) {
    return for_another("--network", SandboxKind::docker);
  }
  if (options.explain && sandbox != SandboxKind::process) {
    return for_another("--explain", SandboxKind::process);
  }
  if (options.isolation != IsolationChoice::automatic && sandbox != SandboxKind::wasm) {
    return for_another("--isolation", SandboxKind::wasm);
  }
  return std::nullopt;
}

// What a command has to put things in order after it was told to end. A busy machine may need a
// tenth of it to run a handler at all.
constexpr std::chrono::milliseconds command_grace{2000};

/// Prints a command's output as it comes, and stops the run where nobody takes it any more.
class PassThrough {
 public:
  explicit PassThrough(const std::stop_token& outer)
      : on_outer_stop_(outer, [this] { stop_.request_stop(); }) {}

  void connect(runner::RunRequest& request) {
    state_ = OutputState::printed;
    request.stop = stop_.get_token();
    request.on_stdout = [this](std::string_view piece) {
      if (state_ == OutputState::printed && !print(piece)) {
        state_ = OutputState::lost;
        stop_.request_stop();
      }
    };
    request.on_stderr = [](std::string_view piece) {
      static_cast<void>(linux_::write_all(linux_::StandardStream::error, piece));
    };
  }
  OutputState state() const { return state_; }

 private:
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_outer_stop_;
  OutputState state_ = OutputState::pending;
};

}  // namespace

int run_command(const Options& options) {
  const std::string& target = options.operands.front();
  const SandboxKind sandbox = runner::choose_sandbox(options.sandbox, target, options.image);
  if (const auto problem = misplaced_option(options, sandbox)) {
    return report_usage_error(*problem, options.json);
  }
  Session session(options, Activity::run, "run", std::string(to_string(sandbox)));
  return session.run([&](const Session::Tools& tools) {
    runner::RunRequest request{
        .sandbox = sandbox,
        .target = target,
        .args = std::vector<std::string>(options.operands.begin() + 1, options.operands.end()),
        .environment = options.environment,
        .deadline = tools.deadline,
        .stop = tools.stop,
        .isolation = options.isolation,
        .explain = options.explain,
        .container = tools.docker};
    if (!options.image.empty()) {
      request.container.image = options.image;
    }
    if (options.network) {
      request.container.network_mode = *options.network;
    }
    // A wrong --stdin is a wrong use of the command line; the target may well be there.
    bool input_is_missing = false;
    if (options.stdin_from) {
      request.read_stdin = [&] {
        tools.session.enter_stage("reading standard input");
        auto content = *options.stdin_from == "-" ? read_own_stdin(runner::max_stdin_bytes)
                                                  : read_stdin_file(*options.stdin_from);
        input_is_missing = !content && content.error().kind == ErrorKind::not_found;
        tools.session.enter_stage("compiling or running the module");
        return content;
      };
    }
    tools.session.enter_stage(sandbox == SandboxKind::wasm ? "compiling or running the module"
                                                           : "running the command");
    PassThrough pass_through(tools.stop);
    if (sandbox != SandboxKind::wasm) {
      request.stop_grace = command_grace;
      tools.session.set_signal_grace(command_grace);
      if (!options.json) {
        pass_through.connect(request);
      }
    }
    Ending ending{.result = tools.runner.run(tools.policy, request)};
    ending.output = pass_through.state();
    ending.exit_code = input_is_missing ? exit_usage : exit_code_of(ending.result, Activity::run);
    return ending;
  });
}

}  // namespace omnisandbox::cli
