#pragma once

#include <chrono>
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
#include "omnisandbox/docker_config.h"
#include "omnisandbox/docker_sandbox.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"
#include "runner/isolation.h"

namespace omnisandbox::runner {

enum class SandboxKind : std::uint8_t { wasm, process, docker };

/// "wasm", "process" or "docker".
std::string_view to_string(SandboxKind kind) noexcept;

/// One run, as a front end asks for it. Nothing of it has been judged yet.
struct RunRequest {
  SandboxKind sandbox = SandboxKind::wasm;
  std::string target;  ///< a module's file, or a command as the policy lists it
  /// The module itself, where it was read already; `target` only names it then.
  std::optional<std::string> module_bytes{};
  std::vector<std::string> args{};
  std::map<std::string, std::string> environment{};  ///< added to the policy's
  /// Called once, after the policy has agreed and the module is loaded; empty: the guest's stdin is
  /// empty.
  std::function<Expected<std::string>()> read_stdin{};
  std::chrono::steady_clock::time_point deadline{};  ///< never later than the policy's own
  /// The caller's own limit, shorter than the policy's. The deadline is what holds; this is its
  /// name.
  std::optional<std::chrono::milliseconds> timeout{};
  std::stop_token stop{};
  IsolationChoice isolation = IsolationChoice::automatic;
  bool explain = false;      ///< a native command's Result says what it was refused
  DockerConfig container{};  ///< where the sandbox is a container
  /// Called with each piece of output as it comes, from the calling thread; for a native command.
  /// What is passed here is in the Result as well.
  std::function<void(std::string_view)> on_stdout{};
  std::function<void(std::string_view)> on_stderr{};
  /// The module is compiled, or came from the cache, and begins to run; from the calling thread.
  std::function<void()> on_compiled{};
  /// While a container engine fetches an image, from the calling thread.
  std::function<void(const PullProgress&)> on_pull{};
  /// The image is there. Where it had to be fetched first, the deadline has moved: that is not part
  /// of a command's own time.
  std::function<void(std::chrono::steady_clock::time_point)> on_new_deadline{};
  /// A command gets SIGTERM at a stop, and this long to end by itself.
  std::chrono::milliseconds stop_grace{};
  /// Of the audit records and the Result; the runner makes one where it is empty.
  std::string run_id{};
  /// Into and out of a container, around its command.
  std::vector<DockerCopy> copy_in{};
  std::vector<DockerCopy> copy_out{};
};

/// One kind of sandbox. A backend never decides what is allowed: the runner has asked the policy
/// before, and what the guest asks for later goes through the policy too. Thread rule: `run` may be
/// called from several threads.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual SandboxKind kind() const noexcept = 0;
  /// How the guest ended is in the Result; an Error says that it never started. Writes the run's
  /// audit records when it returns a Result. `audit` may be null.
  virtual Expected<Result> run(const Policy& policy, const RunRequest& request,
                               std::shared_ptr<AuditSink> audit) const = 0;
};

}  // namespace omnisandbox::runner
