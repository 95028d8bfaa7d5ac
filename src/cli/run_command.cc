#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/try.h"
#include "cli/commands.h"
#include "cli/pull_display.h"
#include "cli/resource_name.h"
#include "cli/session.h"
#include "cli/standard_input.h"
#include "cli/terminal.h"
#include "linux/standard_streams.h"
#include "runner/choose_sandbox.h"
#include "runner/docker_backend.h"
#include "runner/outcome.h"

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
  if (options.pull && sandbox != SandboxKind::docker) {
    return for_another("--pull", SandboxKind::docker);
  }
  if (!options.copy_in.empty() && sandbox != SandboxKind::docker) {
    return for_another("--copy-in", SandboxKind::docker);
  }
  if (!options.copy_out.empty() && sandbox != SandboxKind::docker) {
    return for_another("--copy-out", SandboxKind::docker);
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

/// The sandbox of this run. Where the machine was to be asked, with the reason, which is told
/// before anything runs.
runner::AutomaticChoice chosen_sandbox(const Options& options, SandboxKind by_target,
                                       const DockerConfig& docker) {
  if (!options.asks_machine) {
    return {.kind = by_target, .reason = {}};
  }
  auto choice = runner::choose_automatically(options.operands.front(), options.image, docker.image,
                                             runner::standard_probes());
  if (!options.json && choice.is_available) {
    print_problem(fmt::format("sandbox {}: {}", to_string(choice.kind), choice.reason));
  }
  return choice;
}

Ending cannot_run(Error error, const runner::AutomaticChoice& choice, int exit_code) {
  return {.result = runner::failed_result(
              std::move(error), {.kind = std::string(to_string(choice.kind)), .layers = {}}),
          .exit_code = exit_code,
          .sandbox_reason = choice.reason};
}

/// What the options say of the container; they only narrow what the policy says of fetching images.
Expected<DockerConfig> container_for(const Options& options, const DockerConfig& of_policy) {
  DockerConfig container = of_policy;
  if (!options.image.empty()) {
    container.image = options.image;
  }
  if (options.network) {
    container.network_mode = *options.network;
  }
  if (options.pull) {
    if (*options.pull > of_policy.pull) {
      return base::make_error(ErrorKind::invalid_argument,
                              "--pull {} would fetch more than the policy lets be fetched; write "
                              "docker: {{pull: {}}} in the policy file",
                              to_string(*options.pull), to_string(*options.pull));
    }
    container.pull = *options.pull;
  }
  return container;
}

/// With paths of this machine as the policy has them.
Expected<std::vector<DockerCopy>> absolute_copies(std::vector<DockerCopy> copies) {
  for (DockerCopy& copy : copies) {
    copy.host_path = TRY(absolute_path(copy.host_path));
  }
  return copies;
}

Expected<runner::RunRequest> request_for(const Options& options, const Session::Tools& tools,
                                         SandboxKind sandbox) {
  if (const auto problem = misplaced_option(options, sandbox)) {
    return base::make_error(ErrorKind::invalid_argument, "{}", *problem);
  }
  runner::RunRequest request{
      .sandbox = sandbox,
      .target = options.operands.front(),
      .args = std::vector<std::string>(options.operands.begin() + 1, options.operands.end()),
      .environment = options.environment,
      .deadline = tools.deadline,
      .timeout = options.timeout,
      .stop = tools.stop,
      .isolation = options.isolation,
      .explain = options.explain};
  request.container = TRY(container_for(options, tools.docker));
  request.copy_in = TRY(absolute_copies(options.copy_in));
  request.copy_out = TRY(absolute_copies(options.copy_out));
  return request;
}

/// A run whose request is made: what is read for it, and what the user and the session are told
/// meanwhile.
class RunToShow {
 public:
  RunToShow(const Options& options, const Session::Tools& tools, runner::RunRequest request)
      : options_(options), tools_(tools), request_(std::move(request)), pass_through_(tools.stop) {}
  RunToShow(const RunToShow&) = delete;
  RunToShow& operator=(const RunToShow&) = delete;

  Ending run() {
    request_.on_compiled = [this] { tools_.session.hide_progress(); };
    if (request_.sandbox == SandboxKind::docker) {
      connect_fetching();
    }
    if (request_.sandbox != SandboxKind::wasm) {
      connect_command();
    }
    if (options_.stdin_from) {
      request_.read_stdin = [this] { return read_input(); };
    } else {
      begin_fetching();
    }
    tools_.session.enter_stage(request_.sandbox == SandboxKind::wasm
                                   ? "compiling or running the module"
                                   : "running the command");
    show_compiling();
    Ending ending{.result = tools_.runner.run(tools_.policy, request_)};
    ending.output = pass_through_.state();
    // A wrong --stdin is a wrong use of the command line; the target may well be there.
    ending.exit_code = input_is_missing_ ? exit_usage : exit_code_of(ending.result, Activity::run);
    return ending;
  }

 private:
  void connect_fetching() {
    request_.on_new_deadline = [this](std::chrono::steady_clock::time_point deadline) {
      pull_display_.finish();
      tools_.session.set_deadline(deadline);
    };
    if (!options_.json) {
      request_.on_pull = [this](const PullProgress& progress) { pull_display_.show(progress); };
    }
  }

  void connect_command() {
    request_.stop_grace = command_grace;
    tools_.session.set_signal_grace(command_grace);
    if (!options_.json) {
      pass_through_.connect(request_);
    }
  }

  Expected<std::string> read_input() {
    tools_.session.hide_progress();
    tools_.session.enter_stage("reading standard input");
    auto content = *options_.stdin_from == "-" ? read_own_stdin(runner::max_stdin_bytes)
                                               : read_stdin_file(*options_.stdin_from);
    input_is_missing_ = !content && content.error().kind == ErrorKind::not_found;
    tools_.session.enter_stage("compiling or running the module");
    begin_fetching();
    show_compiling();
    return content;
  }

  /// Until the image is there, the time for fetching it counts as well.
  void begin_fetching() {
    if (request_.sandbox == SandboxKind::docker && runner::may_fetch_image(request_.container)) {
      tools_.session.set_deadline(tools_.deadline + request_.container.pull_timeout);
    }
  }

  void show_compiling() {
    if (request_.sandbox == SandboxKind::wasm) {
      tools_.session.show_progress("compiling " + base::printable(request_.target));
    }
  }

  const Options& options_;
  const Session::Tools& tools_;
  runner::RunRequest request_;
  PullDisplay pull_display_;
  PassThrough pass_through_;
  bool input_is_missing_ = false;
};

Ending run_chosen(const Options& options, SandboxKind by_target, const Session::Tools& tools) {
  const auto choice = chosen_sandbox(options, by_target, tools.docker);
  if (!choice.is_available) {
    return cannot_run(base::make_error(ErrorKind::unavailable, "{}", choice.reason), choice,
                      exit_unavailable);
  }
  auto request = request_for(options, tools, choice.kind);
  if (!request) {
    const bool is_usage = request.error().kind == ErrorKind::invalid_argument;
    return cannot_run(std::move(request).error(), choice, is_usage ? exit_usage : exit_unavailable);
  }
  Ending ending = RunToShow(options, tools, *std::move(request)).run();
  ending.sandbox_reason = choice.reason;
  return ending;
}

}  // namespace

int run_command(const Options& options) {
  const SandboxKind by_target =
      runner::choose_sandbox(options.sandbox, options.operands.front(), options.image);
  if (!options.asks_machine) {
    if (const auto problem = misplaced_option(options, by_target)) {
      return report_usage_error(*problem, options.json);
    }
  }
  Session session(options, Activity::run, "run", std::string(to_string(by_target)));
  return session.run(
      [&](const Session::Tools& tools) { return run_chosen(options, by_target, tools); });
}

}  // namespace omnisandbox::cli
