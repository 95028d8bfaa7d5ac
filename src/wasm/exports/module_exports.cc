#include "omnisandbox/module_exports.h"

#include <exception>
#include <new>
#include <utility>

#include "audit/run_records.h"
#include "base/error.h"
#include "base/try.h"
#include "host_functions/host_functions_impl.h"
#include "policy/limits.h"
#include "wasm/cache/closed_cache.h"
#include "wasm/component/limits.h"
#include "wasm/exports/exported_code.h"
#include "wasm/exports/json_schema.h"
#include "wasm/module/module_input.h"
#include "wasm/module/module_shape.h"
#include "wasm/run/call_stack.h"
#include "wasm/run/run_input.h"
#include "wasm/run/run_report.h"

namespace omnisandbox {
namespace {

using Clock = std::chrono::steady_clock;
using wasm::Execution;
using wasm::GuestRun;

constexpr std::size_t stack_for_guest =
    wasm::component::component_stack_bytes + wasm::host_call_stack_bytes;
constexpr std::string_view sandbox_kind = "wasm";

/// Calls `function`, which returns an Expected, with `stack_bytes` of stack; no exception leaves.
template <class Function>
auto guarded(std::size_t stack_bytes, Function function) -> decltype(function()) {
  try {
    std::optional<decltype(function())> result;
    TRY(wasm::call_with_stack(stack_bytes, [&] { result.emplace(function()); }));
    return std::move(*result);
  } catch (const std::bad_alloc&) {
    return base::make_error(ErrorKind::unavailable, "the process is out of memory");
  } catch (const std::exception& error) {
    return base::make_error(ErrorKind::unavailable, "the WebAssembly sandbox failed: {}",
                            base::printable(error.what()));
  }
}

}  // namespace

class ModuleExports::Impl {
 public:
  Impl(Policy policy, std::string name, RuntimeOptions options,
       std::unique_ptr<wasm::exports::ExportedCode> code)
      : policy_(std::move(policy)),
        name_(std::move(name)),
        options_(std::move(options)),
        code_(std::move(code)),
        concurrent_runs_(policy_.compiled().limits().max_concurrent_runs) {}

  /// `make_input` gives what is to be loaded, from the cache, which may be null.
  template <class MakeInput>
  static Expected<ModuleExports> load(Policy policy, std::string name, RuntimeOptions options,
                                      LoadOptions how, MakeInput make_input) {
    const auto started = Clock::now();
    TRY(audit::require_sink(policy.config(), options.audit.get()));
    return guarded(wasm::engine_stack_bytes, [&]() -> Expected<ModuleExports> {
      const auto& limits = policy.compiled().limits();
      auto cache = TRY(wasm::open_closed_cache(policy, options.module_cache));
      wasm::ModuleInput input = TRY(make_input(cache));
      wasm::exports::CodeToLoad code{
          .policy = policy,
          .input = std::move(input),
          .memory_limit_bytes = limits.memory_limit(policy::default_module_memory_bytes),
          .cache = std::move(cache),
          .deadline = started + wasm::effective_timeout(policy, {.timeout = how.timeout}),
          .stop = std::move(how.stop)};
      auto loaded =
          TRY(options.isolation == Isolation::worker
                  ? wasm::exports::load_in_workers(std::move(code), options.worker_program)
                  : wasm::exports::load_here(std::move(code)));
      return ModuleExports(std::make_unique<Impl>(std::move(policy), std::move(name),
                                                  std::move(options), std::move(loaded)));
    });
  }

  Expected<std::vector<wasm::FunctionType>> list() {
    TRY(check_process());
    return guarded(stack_for_guest, [&] { return code_->list(); });
  }

  Expected<ExportCall> call(std::string_view function, std::span<const std::string> arguments,
                            RunOptions options) {
    return guarded(stack_for_guest, [&]() -> Expected<ExportCall> {
      ExportCall called;
      const auto call_function = [&](GuestRun& guest, auto timeout) -> Expected<Execution> {
        auto done = TRY(code_->call(function, arguments, guest, timeout));
        called.value_json = std::move(done.value_json);
        return std::move(done.execution);
      };
      called.result = TRY(run(std::move(options), call_function));
      return called;
    });
  }

  Expected<Result> run_command(RunOptions options) {
    return guarded(stack_for_guest, [&]() -> Expected<Result> {
      return run(std::move(options),
                 [&](GuestRun& guest, auto timeout) { return code_->run(guest, timeout); });
    });
  }

 private:
  Expected<void> check_process() const {
    if (!code_->belongs_to_this_process()) {
      return base::make_error(ErrorKind::unavailable,
                              "these ModuleExports were loaded before a fork, in the parent "
                              "process; load them in the child");
    }
    return {};
  }

  template <class Execute>
  Expected<Result> run(RunOptions options, Execute execute) {
    const auto started = Clock::now();
    TRY(check_process());
    const auto timeout = wasm::effective_timeout(policy_, options);
    auto input = TRY(wasm::make_guest_input(name_, policy_.config(), options));
    auto functions = TRY(wasm::make_host_functions(policy_, options, started,
                                                   {.audit = options_.audit,
                                                    .commands = options_.commands,
                                                    .sandbox = std::string(sandbox_kind)}));
    GuestRun guest(functions, *functions.impl().context);
    guest.args = std::move(input.args);
    guest.environment = std::move(input.environment);
    guest.stdin_data = std::move(options.stdin_data);
    const auto execute_in_turn = [&]() -> Expected<Execution> {
      auto turn = concurrent_runs_.take(1, "concurrent runs (max_concurrent_runs)",
                                        guest.context.deadline(), guest.context.stop());
      if (!turn) {
        return Execution{.ending = wasm::ending_of(std::move(turn).error())};
      }
      return execute(guest, timeout);
    };
    auto execution = TRY(execute_in_turn());
    Result result = wasm::report_run(guest, std::move(execution), code_->description());
    result.module_cache = code_->cache_use();
    result.duration = Clock::now() - started;
    wasm::record_outcome(options_.audit.get(), policy_.config(), result);
    return result;
  }

  const Policy policy_;
  const std::string name_;
  const RuntimeOptions options_;
  const std::unique_ptr<wasm::exports::ExportedCode> code_;
  wasm::Slots concurrent_runs_;
};

ModuleExports::ModuleExports(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ModuleExports::ModuleExports(ModuleExports&&) noexcept = default;
ModuleExports& ModuleExports::operator=(ModuleExports&&) noexcept = default;
ModuleExports::~ModuleExports() = default;

Expected<ModuleExports> ModuleExports::load(Policy policy, std::string name,
                                            std::span<const std::byte> bytes,
                                            RuntimeOptions options, LoadOptions how) {
  TRY(wasm::check_module_size(bytes.size()));
  // A compile in this process may outlive its caller.
  const bool is_copied = options.isolation == Isolation::in_process;
  return Impl::load(std::move(policy), std::move(name), std::move(options), std::move(how),
                    [&](const auto&) -> Expected<wasm::ModuleInput> {
                      return is_copied ? wasm::ModuleInput::copy(bytes)
                                       : wasm::ModuleInput::borrow(bytes);
                    });
}

Expected<ModuleExports> ModuleExports::load(Policy policy, std::string name, const ModuleFile& file,
                                            RuntimeOptions options, LoadOptions how) {
  return Impl::load(std::move(policy), std::move(name), std::move(options), std::move(how),
                    [&](std::shared_ptr<const wasm::ModuleCache> cache) {
                      return wasm::ModuleInput::open(file, std::move(cache));
                    });
}

Expected<std::vector<std::string>> ModuleExports::list() const {
  std::vector<std::string> lines;
  for (const wasm::FunctionType& function : TRY(impl_->list())) {
    lines.push_back(wasm::line_of(function));
  }
  return lines;
}

Expected<std::vector<ExportedFunction>> ModuleExports::functions() const {
  std::vector<ExportedFunction> functions;
  for (const wasm::FunctionType& function : TRY(impl_->list())) {
    functions.push_back(wasm::exports::as_json_function(function));
  }
  return functions;
}

Expected<ExportCall> ModuleExports::call(std::string_view function,
                                         std::span<const std::string> arguments_json,
                                         RunOptions options) {
  return impl_->call(function, arguments_json, std::move(options));
}

Expected<Result> ModuleExports::run(RunOptions options) {
  return impl_->run_command(std::move(options));
}

}  // namespace omnisandbox
