#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/audit.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/host_functions.h"
#include "omnisandbox/module_file.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"

namespace omnisandbox {

/// Where guests run. `in_process`: in the caller's process, the fastest; a compile or an engine
/// defect is not contained. `worker`: in processes of their own, started ahead, which have given up
/// every right but to compute: no file, no socket, no other process (seccomp, Landlock where the
/// kernel has it). What a guest asks for is judged and done in the caller's process. Compiling
/// happens in such a process too. A worker is killed at the deadline, and never used again after a
/// run that failed.
enum class Isolation : std::uint8_t { in_process, worker };

struct RuntimeOptions {
  Isolation isolation = Isolation::in_process;
  std::shared_ptr<AuditSink> audit{};
  std::shared_ptr<CommandRunner> commands{};  ///< none: guests' exec_run answers `unavailable`
  /// An absolute folder, this user's alone (made where missing), that keeps compiled modules from
  /// one process to the next. Empty: none is kept.
  std::string module_cache{};
  /// The program of worker processes. Empty: omnisandbox-worker beside the running executable, in
  /// its ../libexec/omnisandbox, or where this build installs it.
  std::string worker_program{};
};

/// One run's input. All of it is the guest's own; nothing of the caller's process is inherited.
struct RunOptions {
  std::vector<std::string> args{};  ///< without the program's name, which is the module's
  std::string stdin_data{};
  std::map<std::string, std::string> environment{};  ///< added to the Config's
  std::optional<std::chrono::milliseconds>
      timeout{};  ///< shortens the policy's, never lengthens it
  std::stop_token stop{};
  /// Ends it, too, where that is sooner: for what began before this call, and whose time goes on.
  /// How it ended is told by the name of the timeout, which is what was set.
  std::optional<std::chrono::steady_clock::time_point> deadline{};
};

/// The WebAssembly sandbox: one policy, one engine, any number of modules and runs at once.
/// Thread rule: every member function may be called from any thread.
class Runtime {
 public:
  static Expected<Runtime> create(Config config, RuntimeOptions options = {});
  static Expected<Runtime> create(Policy policy, RuntimeOptions options = {});
  Runtime(Runtime&&) noexcept;
  Runtime& operator=(Runtime&&) noexcept;
  ~Runtime();  // runs must have ended

  /// Compiles `module_bytes` (binary or text format, or what `precompile` made) and keeps it under
  /// `name`, replacing an older one. Errors: `invalid_argument` (not a module, or it imports what
  /// is not offered), `too_large`, `memory` (it cannot start within the limit).
  Expected<void> compile(std::string name, std::span<const std::byte> module_bytes);
  /// The same of a file. Further errors: `not_found`, `io`; `invalid_argument` where it is no
  /// regular file, or has another digest than it must have.
  Expected<void> compile(std::string name, const ModuleFile& file);

  /// Compiles a module to bytes that `compile` and `run` take in its place, on this machine, by
  /// this user, with the same module cache (`invalid_argument` where none is set) and the same
  /// metering of fuel.
  Expected<std::vector<std::byte>> precompile(std::span<const std::byte> module_bytes);

  /// Runs a compiled module's `_start` in a fresh instance. `not_found` without such a module. How
  /// the guest ended (deadline, trap, limits) is in the Result, not in the error.
  Expected<Result> execute(std::string_view name, RunOptions options = {});
  Expected<Result> execute(std::string_view name, std::vector<std::string> args,
                           std::string stdin_data = {}, std::stop_token stop = {});

  /// Compiles and runs once; nothing is kept.
  Expected<Result> run(std::span<const std::byte> module_bytes, RunOptions options = {});
  Expected<Result> run(std::span<const std::byte> module_bytes, std::vector<std::string> args,
                       std::string stdin_data = {}, std::stop_token stop = {});

  const Policy& policy() const noexcept;

  class Impl;

 private:
  explicit Runtime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace omnisandbox
