#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"

namespace omnisandbox {

namespace process {
class EgressServer;
}

struct ProcessSandboxOptions {
  std::shared_ptr<AuditSink> audit{};
  /// The program `omnisandbox-launcher`. Empty: beside the running executable, in its
  /// ../libexec/omnisandbox, or in the install prefix that the library was configured with. With
  /// CMake, $<TARGET_FILE:omnisandbox::launcher> is its path.
  std::string launcher{};
  /// The proxy through which commands reach allowed hosts. None: commands have no network at all,
  /// whatever the policy grants.
  std::shared_ptr<process::EgressServer> egress{};
  /// So many sandboxes stand ready for the next commands, each for one run; made in the background
  /// once the first command has shown what is needed. Each is two sleeping processes. 0: none.
  std::size_t warm_sandboxes = 0;
};

/// What a command has as its standard streams.
enum class CommandStreams : std::uint8_t {
  pipes,
  /// One pseudo-terminal of the command's own: errors come with the output, what is typed is
  /// echoed, and stdin_data is followed by the end-of-file character.
  terminal,
};

/// Sends signals to the command of a run, and to its process group, as a terminal would. Copies
/// share; safe from any thread. What is sent before the command starts reaches it then.
class CommandSignals {
 public:
  static Expected<CommandSignals> create();
  /// `invalid_argument` for a number that is no signal.
  Expected<void> send(int signal) const;

  class Impl;
  const std::shared_ptr<const Impl>& impl() const noexcept { return impl_; }

 private:
  explicit CommandSignals(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;  // shared: the run and whoever sends
};

/// One command's input.
struct ProcessRunOptions {
  std::string stdin_data{};
  std::map<std::string, std::string> environment{};  ///< added to the policy's
  /// Shortens the policy's timeout, never lengthens it.
  std::optional<std::chrono::milliseconds> timeout{};
  std::stop_token stop{};
  /// Called with each piece of output as it comes, from the calling thread; what is passed here is
  /// kept in the Result as well, up to max_output_bytes. One that blocks holds up the answer, and
  /// not the command's end at its deadline or after a stop; it is not called again then.
  std::function<void(std::string_view)> on_stdout{};
  std::function<void(std::string_view)> on_stderr{};
  CommandStreams streams = CommandStreams::pipes;
  std::optional<CommandSignals> signals{};
  /// After a stop the command gets SIGTERM and this long to end by itself; then all is killed.
  std::chrono::milliseconds stop_grace{};
  /// Result::refusals is set: it says what the command was refused, and what would allow it. Each
  /// call that names a file then takes some tens of microseconds longer. What it says tells whoever
  /// reads it which files the host has.
  bool explain = false;
};

/// Confinement of native commands by the kernel: each run sees only what its policy opens, executes
/// only the programs that the policy lists, and is gone as a whole when it ends or its time is
/// over. Result.sandbox.layers names what really held it. Thread rule: every member function may be
/// called from any thread.
class ProcessSandbox {
 public:
  /// `unavailable` when the launcher is missing, or the policy demands an audit sink and there is
  /// none.
  static Expected<ProcessSandbox> create(Config config, ProcessSandboxOptions options = {});
  static Expected<ProcessSandbox> create(Policy policy, ProcessSandboxOptions options = {});
  ProcessSandbox(ProcessSandbox&&) noexcept;
  ProcessSandbox& operator=(ProcessSandbox&&) noexcept;
  ~ProcessSandbox();  // runs must have ended

  /// Runs a command that the policy lists; no shell is involved. A Result says how it ended: an
  /// exit code of 128 + N stands for the end by signal N. Errors: `denied`, `not_found`,
  /// `unavailable` where this machine cannot confine it.
  Expected<Result> run(std::string_view command, std::vector<std::string> args,
                       ProcessRunOptions options = {});
  Expected<Result> run(std::string_view command, std::vector<std::string> args,
                       std::string stdin_data, std::stop_token stop = {});

  const Policy& policy() const noexcept;

  class Impl;

 private:
  explicit ProcessSandbox(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The same as what `exec_run` calls: for HostFunctionOptions and RuntimeOptions. Whoever calls it
/// audits.
Expected<std::shared_ptr<CommandRunner>> make_process_command_runner(
    ProcessSandboxOptions options = {});

/// For ProcessSandboxOptions::egress: a proxy for each run, through which the command reaches the
/// hosts that its policy allows (http_proxy and its like are set), over http, https and SOCKS 5,
/// and nothing else. Each decision is recorded in `audit`, each refusal stands in the run's Result.
std::shared_ptr<process::EgressServer> make_egress_server(std::shared_ptr<AuditSink> audit = {});

/// What the process sandbox could do on this machine, found by doing it.
struct ProcessSandboxProbe {
  bool available = false;
  std::vector<std::string> layers;   ///< that would be in force
  std::vector<std::string> missing;  ///< what is weaker than it could be, with what to do about it
};
ProcessSandboxProbe probe_process_sandbox(const ProcessSandboxOptions& options = {});

}  // namespace omnisandbox
