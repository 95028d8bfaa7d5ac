#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "linux/fd.h"
#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "wasm/run/guest_execution.h"
#include "wasm/worker/forwarded_calls.h"
#include "wasm/worker/messages.h"
#include "wasm/worker/parent_outside.h"

/// What a worker process loads and runs: one object for each kind of guests. In the worker.
namespace omnisandbox::wasm::worker {

struct Answer {
  Execution execution;
  std::optional<std::string> value{};  ///< what a call or a snippet returned
  bool value_truncated = false;        ///< of a snippet
  bool can_go_on = false;              ///< of a session's snippet: another one can come
};

/// Used by one thread.
class GuestRunner {
 public:
  virtual ~GuestRunner() = default;

  /// `code` must be what a compiler of ours made of a guest with this shape.
  virtual Expected<void> load(std::uint64_t module, const linux_::Fd& code,
                              const CodeShape& shape) = 0;
  virtual void unload(std::uint64_t module) = 0;
  virtual Expected<std::vector<FunctionType>> list(std::uint64_t module) = 0;
  /// Errors: `not_found`, `invalid_argument` where there is nothing to run, or the arguments do not
  /// fit.
  virtual Expected<Answer> run(const Run& request, GuestRun& guest) = 0;
  /// After the answer was sent: what the next run would have to wait for.
  virtual void prepare() {}

  /// What `bytes` compile to. Errors as for Runtime::compile.
  struct Code {
    std::string code;
    CodeShape shape;
  };
  virtual Expected<Code> compile(std::span<const std::byte> bytes) = 0;
};

/// What each of them works with; all of it outlives them.
struct RunnerTools {
  const Configure& settings;
  const Policy& limits;
  ForwardedCalls& calls;
  ParentOutside& outside;
};

Expected<std::unique_ptr<GuestRunner>> make_module_runner(const RunnerTools& tools);
Expected<std::unique_ptr<GuestRunner>> make_component_runner(const RunnerTools& tools);
/// `code` is mapped before the worker gives up its rights: it is trusted, as a program is.
Expected<std::unique_ptr<GuestRunner>> make_interpreter_runner(const RunnerTools& tools,
                                                               const linux_::Fd& code);

}  // namespace omnisandbox::wasm::worker
