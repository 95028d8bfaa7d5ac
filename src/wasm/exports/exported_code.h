#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "omnisandbox/expected.h"
#include "omnisandbox/policy.h"
#include "omnisandbox/result.h"
#include "omnisandbox/runtime.h"
#include "wasm/cache/module_cache.h"
#include "wasm/exported_type.h"
#include "wasm/exports/component_call.h"
#include "wasm/guest_run.h"
#include "wasm/module/module_input.h"

/// A module or a component that is ready to be called: in this process, or in workers.
namespace omnisandbox::wasm::exports {

/// Thread-safe.
class ExportedCode {
 public:
  virtual ~ExportedCode() = default;

  /// Error: `too_large` for more than can be listed.
  virtual Expected<std::vector<FunctionType>> list() = 0;
  /// Errors: `not_found`; `invalid_argument` where the arguments do not fit, or where JSON cannot
  /// hold the result; `too_large` for a result of more than max_output_bytes.
  virtual Expected<Called> call(std::string_view function,
                                std::span<const std::string> arguments_json, GuestRun& guest,
                                std::chrono::milliseconds timeout) = 0;
  /// Error: `invalid_argument` for what is no command component.
  virtual Expected<Execution> run(GuestRun& guest, std::chrono::milliseconds timeout) = 0;

  virtual SandboxDescription description() const = 0;
  virtual CacheUse cache_use() const noexcept = 0;
  /// Whether it was made by this process, not before a fork.
  virtual bool belongs_to_this_process() const noexcept = 0;
};

struct CodeToLoad {
  const Policy& policy;
  ModuleInput input;
  std::uint64_t memory_limit_bytes = 0;
  std::shared_ptr<const ModuleCache> cache{};  ///< shared with compiles that outlive their call
  std::chrono::steady_clock::time_point deadline{};
  std::stop_token stop{};
};

/// Errors: as Runtime::compile; `timeout`, `cancelled`. `load_here` needs an input that owns its
/// bytes.
Expected<std::unique_ptr<ExportedCode>> load_here(CodeToLoad code);
Expected<std::unique_ptr<ExportedCode>> load_in_workers(CodeToLoad code,
                                                        const std::string& worker_program);

}  // namespace omnisandbox::wasm::exports
