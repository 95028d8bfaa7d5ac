#include "omnisandbox/interpreter.h"

#include <exception>
#include <new>
#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "base/utf8.h"
#include "host_functions/host_functions_impl.h"
#include "policy/limits.h"
#include "wasm/component/component_execution.h"
#include "wasm/component/limits.h"
#include "wasm/interpreter/interpreter_files.h"
#include "wasm/run/call_stack.h"
#include "wasm/run/run_input.h"
#include "wasm/run/run_report.h"
#include "wasm/wasi/fd_table.h"

namespace omnisandbox {
namespace {

using Clock = std::chrono::steady_clock;
using wasm::Execution;
using wasm::GuestRun;
using wasm::component::ComponentEngine;
using wasm::component::Value;

constexpr std::size_t stack_for_guest =
    wasm::component::component_stack_bytes + wasm::host_call_stack_bytes;
// A program is typed or generated; what is larger belongs in a file.
constexpr std::size_t max_code_bytes = 4 * wasm::mebibyte;
constexpr int out_of_memory_exit_code = 137;

/// Calls `function`, which returns an Expected, with stack for a guest; no exception leaves.
template <class Function>
auto guarded(Function function) -> decltype(function()) {
  try {
    std::optional<decltype(function())> result;
    TRY(wasm::call_with_stack(stack_for_guest, [&] { result.emplace(function()); }));
    return std::move(*result);
  } catch (const std::bad_alloc&) {
    return base::make_error(ErrorKind::unavailable, "the process is out of memory");
  } catch (const std::exception& error) {
    return base::make_error(ErrorKind::unavailable, "the interpreter failed: {}",
                            base::printable(error.what()));
  }
}

Expected<void> check_text(std::string_view text, std::string_view what) {
  if (text.find('\0') != std::string_view::npos || !base::is_utf8(text)) {
    return base::make_error(ErrorKind::invalid_argument,
                            "{} must be UTF-8 text without a NUL character", what);
  }
  return {};
}

Expected<void> check_code(std::string_view code, const EvaluateOptions& options) {
  if (code.size() > max_code_bytes) {
    return base::make_error(ErrorKind::too_large, "the code has {} bytes; {} are allowed",
                            code.size(), max_code_bytes);
  }
  TRY(check_text(code, "the code"));
  TRY(check_text(options.name, "the snippet's name"));
  for (const std::string& argument : options.args) {
    TRY(check_text(argument, "an argument"));
  }
  return {};
}

/// The record `snippet` of guests/interpreters/wit/interpreter.wit.
Value snippet_value(std::string_view code, const GuestRun& run) {
  std::vector<Value> arguments;
  for (std::size_t index = 1; index < run.args.size(); ++index) {
    arguments.push_back(Value::string(run.args[index]));
  }
  std::vector<Value> environment;
  for (const std::string_view variable : run.environment) {
    const std::size_t equals = variable.find('=');
    std::vector<Value> pair;
    pair.push_back(Value::string(variable.substr(0, equals)));
    pair.push_back(Value::string(variable.substr(equals + 1)));
    environment.push_back(Value::tuple(std::move(pair)));
  }
  std::vector<std::pair<std::string_view, Value>> fields;
  fields.emplace_back("code", Value::string(code));
  fields.emplace_back("name", Value::string(run.args.front()));
  fields.emplace_back("arguments", Value::list(std::move(arguments)));
  fields.emplace_back("environment", Value::list(std::move(environment)));
  return Value::record(std::move(fields));
}

Error out_of_memory(std::uint64_t memory_limit_bytes) {
  return base::make_error(ErrorKind::memory,
                          "the snippet ran out of memory; memory_limit_mb is {}, and a higher one "
                          "gives it more",
                          memory_limit_bytes / wasm::mebibyte);
}

/// How the snippet ended by itself, from the record `outcome`.
void read_outcome(const Value& outcome, std::uint64_t memory_limit_bytes, Execution& execution,
                  std::optional<std::string>& value) {
  using namespace wasm::component;
  const auto& record = outcome.get();
  execution.ending.exit_code = s32_of(field_of(record, "exit-code"));
  execution.ending.status = execution.ending.exit_code == 0 ? Status::ok : Status::exited;
  if (const auto* shown = option_of(field_of(record, "value"))) {
    value = string_of(*shown);
  }
  if (boolean_of(field_of(record, "out-of-memory"))) {
    execution.ending = {.status = Status::memory_limit,
                        .exit_code = out_of_memory_exit_code,
                        .error = out_of_memory(memory_limit_bytes)};
  }
}

/// SpiderMonkey ends itself where its heap finds no more room, with nothing but a message to tell
/// why. A snippet can print it and trap as well: it then names its own end wrongly, and no other's.
void name_memory_trap(Language language, std::uint64_t memory_limit_bytes, Result& result) {
  constexpr std::string_view message =
      "out of memory\"\nRedirecting call to abort() to mozalloc_abort\n";
  if (language == Language::javascript && result.status == Status::trap &&
      result.stderr_data.find(message) != std::string::npos) {
    result.status = Status::memory_limit;
    result.exit_code = out_of_memory_exit_code;
    result.error = out_of_memory(memory_limit_bytes);
  }
}

}  // namespace

std::string_view to_string(Language language) noexcept {
  return language == Language::python ? "python" : "javascript";
}

class Interpreter::Impl {
 public:
  Impl(Policy policy, Language language, InterpreterOptions options,
       std::shared_ptr<ComponentEngine> engine,
       std::shared_ptr<const wasm::component::CompiledComponent> component,
       wasm::component::ExportIndexOwner evaluate_function)
      : policy_(std::move(policy)),
        language_(language),
        options_(std::move(options)),
        engine_(std::move(engine)),
        component_(std::move(component)),
        evaluate_(std::move(evaluate_function)),
        memory_limit_bytes_(
            policy_.compiled().limits().memory_limit(policy::default_interpreter_memory_bytes)),
        description_{.kind = "wasm",
                     .layers = {"app-permissions", "wasm:in-process", "memory-limit", "deadline"}},
        concurrent_runs_(policy_.compiled().limits().max_concurrent_runs) {}

  Language language() const noexcept { return language_; }
  ComponentEngine& engine() const noexcept { return *engine_; }
  std::uint64_t memory_limit_bytes() const noexcept { return memory_limit_bytes_; }
  std::uint32_t pool_slots() const noexcept { return component_->pool_slots(); }

  Expected<void> check_process() const {
    if (!engine_->belongs_to_this_process()) {
      return base::make_error(ErrorKind::unavailable,
                              "this Interpreter was made before a fork, in the parent process; "
                              "create one in the child");
    }
    return {};
  }

  Expected<Evaluation> evaluate_fresh(std::string_view code, EvaluateOptions options) {
    return evaluate(code, std::move(options), [&](GuestRun& guest, auto call) {
      auto slots = take_slots(guest.context);
      if (!slots) {
        return Execution{.ending = wasm::ending_of(std::move(slots).error())};
      }
      wasm::component::ComponentRun run(guest);
      wasm::component::ComponentInstance instance(*engine_, run, memory_limit_bytes_);
      return call(instance);
    });
  }

  /// Judges the input, prepares a run, and lets `with_instance` find the instance for it.
  template <class WithInstance>
  Expected<Evaluation> evaluate(std::string_view code, EvaluateOptions options,
                                WithInstance with_instance);

  Expected<wasm::Slots::Lease> take_slots(const host_functions::RunContext& context) {
    TRY(context.check_time());
    return engine_->slots().take(pool_slots(), "instance slots of this process", context.deadline(),
                                 context.stop());
  }

 private:
  const Policy policy_;
  const Language language_;
  const InterpreterOptions options_;
  const std::shared_ptr<ComponentEngine> engine_;  // shared with others: see ComponentEngine
  const std::shared_ptr<const wasm::component::CompiledComponent> component_;
  const wasm::component::ExportIndexOwner evaluate_;
  const std::uint64_t memory_limit_bytes_;
  const SandboxDescription description_;
  wasm::Slots concurrent_runs_;
};

template <class WithInstance>
Expected<Evaluation> Interpreter::Impl::evaluate(std::string_view code, EvaluateOptions options,
                                                 WithInstance with_instance) {
  const auto started = Clock::now();
  TRY(check_process());
  TRY(check_code(code, options));
  return guarded([&]() -> Expected<Evaluation> {
    RunOptions run_options{.args = std::move(options.args),
                           .stdin_data = std::move(options.stdin_data),
                           .environment = std::move(options.environment),
                           .timeout = options.timeout,
                           .stop = options.stop};
    const auto timeout = wasm::effective_timeout(policy_, run_options);
    auto input = TRY(wasm::make_guest_input(options.name, policy_.config(), run_options));
    auto functions = TRY(HostFunctions::create(policy_, {.audit = options_.audit,
                                                         .commands = options_.commands,
                                                         .path_view = PathView::guest,
                                                         .sandbox = description_.kind,
                                                         .deadline = started + timeout,
                                                         .stop = std::move(options.stop)}));
    GuestRun guest(functions, *functions.impl().context);
    guest.args = std::move(input.args);
    guest.environment = std::move(input.environment);
    guest.stdin_data = std::move(run_options.stdin_data);

    Evaluation evaluation;
    Execution execution = with_instance(guest, [&](wasm::component::ComponentInstance& instance) {
      auto turn = concurrent_runs_.take(1, "concurrent runs (max_concurrent_runs)",
                                        guest.context.deadline(), guest.context.stop());
      if (!turn) {
        return Execution{.ending = wasm::ending_of(std::move(turn).error())};
      }
      const Value snippet = snippet_value(code, guest);
      Value outcome;
      Execution done =
          instance.call(*component_, evaluate_.get(), {snippet.get()}, &outcome, timeout);
      if (done.ending.status == Status::ok && !guest.exit_code) {
        read_outcome(outcome, memory_limit_bytes_, done, evaluation.value);
      }
      return done;
    });
    evaluation.result = wasm::report_run(guest, std::move(execution), description_);
    name_memory_trap(language_, memory_limit_bytes_, evaluation.result);
    evaluation.result.duration = Clock::now() - started;
    wasm::record_outcome(options_.audit.get(), policy_.config(), evaluation.result);
    return evaluation;
  });
}

class Interpreter::Session::Impl {
 public:
  explicit Impl(std::shared_ptr<Interpreter::Impl> interpreter)
      : interpreter_(std::move(interpreter)) {}

  Expected<Evaluation> evaluate(std::string_view code, EvaluateOptions options) {
    if (ended_) {
      return base::make_error(ErrorKind::unavailable,
                              "the session has ended with an earlier snippet; open another one");
    }
    return interpreter_->evaluate(code, std::move(options), [&](GuestRun& guest, auto call) {
      if (auto ready = prepare(guest); !ready) {
        return Execution{.ending = wasm::ending_of(std::move(ready).error())};
      }
      Execution done = call(*instance_);
      // What ended by its own return goes on; anything else may have left the interpreter in the
      // middle of something.
      ended_ = guest.ended_by != wasm::GuestCall::End::none ||
               (done.ending.status != Status::ok && done.ending.status != Status::exited);
      files_ = std::move(guest.fds);
      run_->guest = nullptr;
      if (ended_) {
        close();
      }
      return done;
    });
  }

  bool has_ended() const noexcept { return ended_; }

 private:
  Expected<void> prepare(GuestRun& guest) {
    if (instance_ == nullptr) {
      slots_.emplace(TRY(interpreter_->take_slots(guest.context)));
      run_ = std::make_unique<wasm::component::ComponentRun>(guest);
      instance_ = std::make_unique<wasm::component::ComponentInstance>(
          interpreter_->engine(), *run_, interpreter_->memory_limit_bytes());
    }
    run_->guest = &guest;
    guest.fds = std::move(files_);
    return {};
  }

  void close() {
    instance_.reset();
    run_.reset();
    files_.reset();
    slots_.reset();
  }

  const std::shared_ptr<Interpreter::Impl> interpreter_;  // must outlive what it lent
  std::optional<wasm::Slots::Lease> slots_;
  std::unique_ptr<wasm::wasi::FdTable> files_;  // between snippets; a snippet's run has them else
  std::unique_ptr<wasm::component::ComponentRun> run_;
  std::unique_ptr<wasm::component::ComponentInstance> instance_;  // uses run_
  bool ended_ = false;
};

Interpreter::Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Interpreter::Session::Session(Session&&) noexcept = default;
Interpreter::Session& Interpreter::Session::operator=(Session&&) noexcept = default;
Interpreter::Session::~Session() = default;

Expected<Evaluation> Interpreter::Session::evaluate(std::string_view code,
                                                    EvaluateOptions options) {
  return impl_->evaluate(code, std::move(options));
}

bool Interpreter::Session::has_ended() const noexcept { return impl_->has_ended(); }

Interpreter::Interpreter(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Interpreter::Interpreter(Interpreter&&) noexcept = default;
Interpreter& Interpreter::operator=(Interpreter&&) noexcept = default;
Interpreter::~Interpreter() = default;

Expected<Interpreter> Interpreter::create(Policy policy, Language language,
                                          InterpreterOptions options) {
  if (policy.config().audit_required && options.audit == nullptr) {
    return base::make_error(ErrorKind::unavailable,
                            "the policy says audit_required: true, and no audit sink is set");
  }
  if (policy.compiled().limits().fuel) {
    return base::make_error(ErrorKind::unavailable,
                            "interpreters do not meter fuel; leave fuel_limit out of the policy, "
                            "and use timeout");
  }
  return guarded([&]() -> Expected<Interpreter> {
    auto engine = TRY(ComponentEngine::shared(wasm::FuelMetering(false)));
    auto component =
        TRY(wasm::interpreter::InterpreterFiles::find(options.folder).load(*engine, language));
    TRY(wasm::component::check_start_memory(
        component->shape(),
        policy.compiled().limits().memory_limit(policy::default_interpreter_memory_bytes)));
    auto function = component->find_export("", "evaluate");
    if (function == nullptr) {
      return base::make_error(ErrorKind::unavailable,
                              "the installed interpreter has no `evaluate`");
    }
    return Interpreter(std::make_shared<Impl>(std::move(policy), language, std::move(options),
                                              std::move(engine), std::move(component),
                                              std::move(function)));
  });
}

Expected<Evaluation> Interpreter::evaluate(std::string_view code, EvaluateOptions options) {
  return impl_->evaluate_fresh(code, std::move(options));
}

Expected<Interpreter::Session> Interpreter::open_session() {
  return Session(std::make_unique<Session::Impl>(impl_));
}

Language Interpreter::language() const noexcept { return impl_->language(); }

}  // namespace omnisandbox
