#include "omnisandbox/runtime.h"

#include <unistd.h>

#include <exception>
#include <functional>
#include <map>
#include <new>
#include <shared_mutex>
#include <utility>

#include "audit/run_records.h"
#include "base/error.h"
#include "base/try.h"
#include "host_functions/host_functions_impl.h"
#include "policy/limits.h"
#include "wasm/cache/closed_cache.h"
#include "wasm/engine/engine.h"
#include "wasm/limits.h"
#include "wasm/module/compiled_module.h"
#include "wasm/module/module_input.h"
#include "wasm/module/timed_compile.h"
#include "wasm/run/call_stack.h"
#include "wasm/run/guest_execution.h"
#include "wasm/run/run_input.h"
#include "wasm/run/run_report.h"
#include "wasm/worker/workers.h"

namespace omnisandbox {
namespace {

using Clock = std::chrono::steady_clock;
/// A module for one kind of isolation or the other.
struct Module {
  std::shared_ptr<const wasm::CompiledModule> here;
  std::shared_ptr<const wasm::worker::ModuleCode> for_workers;

  CacheUse cache_use() const { return here ? here->cache_use() : for_workers->cache_use; }
};

constexpr std::size_t stack_for_guest = wasm::guest_stack_bytes + wasm::host_call_stack_bytes;

// The name that a module run without a name finds in its argv[0].
constexpr std::string_view unnamed_module = "module.wasm";

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

SandboxDescription describe(bool metered) {
  SandboxDescription description{
      .kind = "wasm", .layers = {"app-permissions", "wasm:in-process", "memory-limit", "deadline"}};
  if (metered) {
    description.layers.emplace_back("fuel");
  }
  return description;
}

Expected<void> check_name(std::string_view name) {
  if (name.empty() || name.size() > wasm::max_module_name_bytes ||
      name.find('\0') != std::string_view::npos) {
    return base::make_error(
        ErrorKind::invalid_argument,
        "a module's name has 1 to {} bytes and no NUL; it becomes the guest's argv[0]",
        wasm::max_module_name_bytes);
  }
  return {};
}

}  // namespace

class Runtime::Impl {
 public:
  Impl(Policy policy, RuntimeOptions options, std::shared_ptr<wasm::Engine> engine,
       std::unique_ptr<wasm::worker::Workers> workers,
       std::shared_ptr<const wasm::ModuleCache> cache)
      : policy_(std::move(policy)),
        options_(std::move(options)),
        process_id_(getpid()),
        engine_(std::move(engine)),
        workers_(std::move(workers)),
        cache_(std::move(cache)),
        memory_limit_bytes_(
            policy_.compiled().limits().memory_limit(policy::default_module_memory_bytes)),
        description_(describe(policy_.compiled().limits().fuel.has_value())),
        concurrent_runs_(policy_.compiled().limits().max_concurrent_runs) {}

  ~Impl() {
    if (workers_ != nullptr && process_id_ != getpid()) {
      // A forked child: the worker processes, and the thread that keeps them, are its parent's.
      static_cast<void>(workers_.release());
    }
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const Policy& policy() const noexcept { return policy_; }

  Expected<Module> compile(std::span<const std::byte> module_bytes, Clock::time_point deadline,
                           const std::stop_token& stop) {
    TRY(wasm::check_module_size(module_bytes.size()));
    if (workers_ != nullptr) {
      return compile(wasm::ModuleInput::borrow(module_bytes), deadline, stop);
    }
    // A compile in this process may outlive its caller.
    return compile(TRY(wasm::ModuleInput::copy(module_bytes)), deadline, stop);
  }

  Expected<Module> compile(const ModuleFile& file, Clock::time_point deadline) {
    return compile(TRY(wasm::ModuleInput::open(file, cache_)), deadline, std::stop_token());
  }

  Expected<std::vector<std::byte>> precompile(std::span<const std::byte> module_bytes) {
    TRY(check_process());
    if (cache_ == nullptr) {
      return base::make_error(ErrorKind::invalid_argument,
                              "a module is compiled for a module cache, whose key it is sealed "
                              "with; set RuntimeOptions::module_cache");
    }
    return guarded(wasm::compiler_stack_bytes, [&] {
      return workers_ != nullptr
                 ? workers_->seal(module_bytes, Clock::now() + policy_.compiled().limits().timeout)
                 : wasm::CompiledModule::seal(*engine_, module_bytes, *cache_);
    });
  }

  void keep(std::string name, Module module) {
    const std::unique_lock lock(modules_mutex_);
    // The old module, if there is one, is freed after the lock.
    std::swap(modules_[std::move(name)], module);
  }

  Expected<Module> find(std::string_view name) const {
    const std::shared_lock lock(modules_mutex_);
    const auto found = modules_.find(name);
    if (found == modules_.end()) {
      return base::make_error(
          ErrorKind::not_found,
          "no module named \"{}\" is compiled in this Runtime; compile it first",
          base::printable(name));
    }
    return found->second;
  }

  Expected<Result> execute(std::string_view program, const Module& module, RunOptions options,
                           Clock::time_point started) {
    TRY(check_process());
    if (module.here && module.here->entry() == wasm::CompiledModule::Entry::none) {
      return base::make_error(
          ErrorKind::invalid_argument,
          "the module \"{}\" exports neither _start nor _initialize, so there is "
          "nothing to run",
          base::printable(program));
    }
    return guarded(stack_for_guest, [&]() -> Expected<Result> {
      auto result = TRY(run(program, std::move(options), started,
                            [&](wasm::GuestRun& guest, std::chrono::milliseconds timeout) {
                              return execute_in_slot(module, guest, timeout);
                            }));
      result.module_cache = module.cache_use();
      return result;
    });
  }

  /// The Result of a run whose module was not compiled before the deadline or the stop.
  Expected<Result> give_up(std::string_view program, RunOptions options, Clock::time_point started,
                           Error error) {
    return guarded(wasm::engine_stack_bytes, [&] {
      return run(program, std::move(options), started,
                 [&](wasm::GuestRun&, std::chrono::milliseconds) -> Expected<wasm::Execution> {
                   return wasm::Execution{.ending = wasm::ending_of(std::move(error))};
                 });
    });
  }

 private:
  Expected<Module> compile(wasm::ModuleInput input, Clock::time_point deadline,
                           const std::stop_token& stop) {
    TRY(check_process());
    return guarded(wasm::engine_stack_bytes, [&]() -> Expected<Module> {
      if (workers_ != nullptr) {
        Module module;
        module.for_workers = TRY(workers_->compile(input, deadline, stop));
        return module;
      }
      return Module{.here = TRY(wasm::compile_until(engine_, std::move(input), memory_limit_bytes_,
                                                    cache_, deadline, stop)),
                    .for_workers = nullptr};
    });
  }

  Expected<void> check_process() const {
    if (process_id_ != getpid()) {
      return base::make_error(
          ErrorKind::unavailable,
          "this Runtime was made before a fork, in the parent process; create one "
          "in the child");
    }
    return {};
  }

  /// Prepares one run, lets `execute` do it, and reports it.
  template <class Execute>
  Expected<Result> run(std::string_view program, RunOptions options, Clock::time_point started,
                       Execute execute);
  Expected<wasm::Execution> execute_in_slot(const Module& module, wasm::GuestRun& run,
                                            std::chrono::milliseconds timeout);

  const Policy policy_;
  const RuntimeOptions options_;
  const int process_id_;
  const std::shared_ptr<wasm::Engine> engine_;            // shared with other Runtimes: see Engine
  std::unique_ptr<wasm::worker::Workers> workers_;        // set where engine_ is null
  const std::shared_ptr<const wasm::ModuleCache> cache_;  // null: none; shared with compiles that
                                                          // outlive their call
  const std::uint64_t memory_limit_bytes_;
  const SandboxDescription description_;
  wasm::Slots concurrent_runs_;
  mutable std::shared_mutex modules_mutex_;
  // Shared with the runs under way, which outlive a replacement.
  std::map<std::string, Module, std::less<>> modules_;
};

template <class Execute>
Expected<Result> Runtime::Impl::run(std::string_view program, RunOptions options,
                                    Clock::time_point started, Execute execute) {
  const auto timeout = wasm::effective_timeout(policy_, options);
  auto input = TRY(wasm::make_guest_input(program, policy_.config(), options));
  auto functions = TRY(wasm::make_host_functions(
      policy_, options, started,
      {.audit = options_.audit, .commands = options_.commands, .sandbox = description_.kind}));
  wasm::GuestRun guest(functions, *functions.impl().context);
  guest.args = std::move(input.args);
  guest.environment = std::move(input.environment);
  guest.stdin_data = std::move(options.stdin_data);
  auto execution = TRY(execute(guest, timeout));
  Result result = wasm::report_run(guest, std::move(execution),
                                   workers_ ? workers_->description() : description_);
  result.duration = Clock::now() - started;
  wasm::record_outcome(options_.audit.get(), policy_.config(), result);
  return result;
}

Expected<wasm::Execution> Runtime::Impl::execute_in_slot(const Module& module, wasm::GuestRun& run,
                                                         std::chrono::milliseconds timeout) {
  const auto& context = run.context;
  if (auto in_time = context.check_time(); !in_time) {
    return wasm::Execution{.ending = wasm::ending_of(std::move(in_time).error())};
  }
  auto turn = concurrent_runs_.take(1, "concurrent runs (max_concurrent_runs)", context.deadline(),
                                    context.stop());
  if (!turn) {
    return wasm::Execution{.ending = wasm::ending_of(std::move(turn).error())};
  }
  if (workers_ != nullptr) {
    return TRY(workers_->execute({.code = module.for_workers.get()}, run, timeout)).execution;
  }
  auto slots = engine_->slots().take(module.here->pool_slots(), "instance slots of this process",
                                     context.deadline(), context.stop());
  if (!slots) {
    return wasm::Execution{.ending = wasm::ending_of(std::move(slots).error())};
  }
  return wasm::execute_guest(*engine_, *module.here, run, memory_limit_bytes_, timeout);
}

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::Runtime(Runtime&&) noexcept = default;
Runtime& Runtime::operator=(Runtime&&) noexcept = default;
Runtime::~Runtime() = default;

Expected<Runtime> Runtime::create(Config config, RuntimeOptions options) {
  return create(TRY(Policy::compile(std::move(config))), std::move(options));
}

Expected<Runtime> Runtime::create(Policy policy, RuntimeOptions options) {
  TRY(audit::require_sink(policy.config(), options.audit.get()));
  const auto cache = TRY(wasm::open_closed_cache(policy, options.module_cache));
  std::shared_ptr<wasm::Engine> engine;
  std::unique_ptr<wasm::worker::Workers> workers;
  const policy::Limits& limits = policy.compiled().limits();
  if (options.isolation == Isolation::worker) {
    workers = TRY(wasm::worker::Workers::create(
        policy, wasm::worker::Guests::modules,
        limits.memory_limit(policy::default_module_memory_bytes), options.worker_program, cache));
  } else {
    const wasm::FuelMetering fuel(limits.fuel.has_value());
    engine = TRY(guarded(wasm::engine_stack_bytes, [&] { return wasm::Engine::shared(fuel); }));
  }
  return Runtime(std::make_unique<Impl>(std::move(policy), std::move(options), std::move(engine),
                                        std::move(workers), cache));
}

Expected<void> Runtime::compile(std::string name, std::span<const std::byte> module_bytes) {
  TRY(check_name(name));
  const auto deadline = Clock::now() + policy().compiled().limits().timeout;
  auto module = TRY(impl_->compile(module_bytes, deadline, std::stop_token()));
  impl_->keep(std::move(name), std::move(module));
  return {};
}

Expected<void> Runtime::compile(std::string name, const ModuleFile& file) {
  TRY(check_name(name));
  const auto deadline = Clock::now() + policy().compiled().limits().timeout;
  auto module = TRY(impl_->compile(file, deadline));
  impl_->keep(std::move(name), std::move(module));
  return {};
}

Expected<std::vector<std::byte>> Runtime::precompile(std::span<const std::byte> module_bytes) {
  return impl_->precompile(module_bytes);
}

Expected<Result> Runtime::execute(std::string_view name, RunOptions options) {
  const auto started = Clock::now();
  const Module module = TRY(impl_->find(name));
  return impl_->execute(name, module, std::move(options), started);
}

Expected<Result> Runtime::execute(std::string_view name, std::vector<std::string> args,
                                  std::string stdin_data, std::stop_token stop) {
  return execute(name, RunOptions{.args = std::move(args),
                                  .stdin_data = std::move(stdin_data),
                                  .stop = std::move(stop)});
}

Expected<Result> Runtime::run(std::span<const std::byte> module_bytes, RunOptions options) {
  const auto started = Clock::now();
  const auto deadline = wasm::effective_deadline(policy(), options, started);
  auto module = impl_->compile(module_bytes, deadline, options.stop);
  if (module) {
    return impl_->execute(unnamed_module, *module, std::move(options), started);
  }
  if (module.error().kind == ErrorKind::timeout || module.error().kind == ErrorKind::cancelled) {
    return impl_->give_up(unnamed_module, std::move(options), started, std::move(module).error());
  }
  return std::move(module).error();
}

Expected<Result> Runtime::run(std::span<const std::byte> module_bytes,
                              std::vector<std::string> args, std::string stdin_data,
                              std::stop_token stop) {
  return run(module_bytes, RunOptions{.args = std::move(args),
                                      .stdin_data = std::move(stdin_data),
                                      .stop = std::move(stop)});
}

const Policy& Runtime::policy() const noexcept { return impl_->policy(); }

}  // namespace omnisandbox
