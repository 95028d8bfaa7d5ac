#include "omnisandbox/interpreter.h"

#include <exception>
#include <new>
#include <utility>

#include "audit/run_records.h"
#include "base/error.h"
#include "base/try.h"
#include "base/utf8.h"
#include "host_functions/host_functions_impl.h"
#include "policy/limits.h"
#include "wasm/component/limits.h"
#include "wasm/interpreter/evaluator.h"
#include "wasm/interpreter/snippet.h"
#include "wasm/run/call_stack.h"
#include "wasm/run/run_input.h"
#include "wasm/run/run_report.h"
#include "wasm/wasi/fd_table.h"

namespace omnisandbox {
namespace {

using Clock = std::chrono::steady_clock;
using host_functions::UsedQuotas;
using wasm::GuestRun;
using wasm::interpreter::Evaluator;
using wasm::interpreter::SnippetOutcome;

constexpr std::size_t stack_for_guest =
    wasm::component::component_stack_bytes + wasm::host_call_stack_bytes;
// A program is typed or generated; what is larger belongs in a file.
constexpr std::size_t max_code_bytes = 4 * wasm::mebibyte;
constexpr std::string_view sandbox_kind = "wasm";

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

}  // namespace

std::string_view to_string(Language language) noexcept {
  return language == Language::python ? "python" : "javascript";
}

class Interpreter::Impl {
 public:
  Impl(Policy policy, Language language, InterpreterOptions options,
       std::uint64_t memory_limit_bytes, std::unique_ptr<Evaluator> evaluator)
      : policy_(std::move(policy)),
        language_(language),
        options_(std::move(options)),
        memory_limit_bytes_(memory_limit_bytes),
        evaluator_(std::move(evaluator)),
        concurrent_runs_(policy_.compiled().limits().max_concurrent_runs) {}

  Language language() const noexcept { return language_; }
  Evaluator& evaluator() noexcept { return *evaluator_; }

  Expected<Evaluation> evaluate_fresh(std::string_view code, EvaluateOptions options) {
    return evaluate(code, std::move(options), nullptr, [&](GuestRun& guest, auto timeout) {
      return evaluator_->evaluate(code, guest, timeout);
    });
  }

  /// Judges the input, prepares a run, lets `evaluate_for` do it, and reports it. `used` counts the
  /// run's quotas on; null: they are its own.
  template <class EvaluateFor>
  Expected<Evaluation> evaluate(std::string_view code, EvaluateOptions options,
                                std::shared_ptr<UsedQuotas> used, EvaluateFor evaluate_for);

 private:
  Expected<void> check_process() const {
    if (!evaluator_->belongs_to_this_process()) {
      return base::make_error(ErrorKind::unavailable,
                              "this Interpreter was made before a fork, in the parent process; "
                              "create one in the child");
    }
    return {};
  }

  const Policy policy_;
  const Language language_;
  const InterpreterOptions options_;
  const std::uint64_t memory_limit_bytes_;
  const std::unique_ptr<Evaluator> evaluator_;
  wasm::Slots concurrent_runs_;
};

template <class EvaluateFor>
Expected<Evaluation> Interpreter::Impl::evaluate(std::string_view code, EvaluateOptions options,
                                                 std::shared_ptr<UsedQuotas> used,
                                                 EvaluateFor evaluate_for) {
  const auto started = Clock::now();
  TRY(check_process());
  TRY(check_code(code, options));
  return guarded([&]() -> Expected<Evaluation> {
    RunOptions run_options{.args = std::move(options.args),
                           .stdin_data = std::move(options.stdin_data),
                           .environment = std::move(options.environment),
                           .timeout = options.timeout,
                           .stop = options.stop,
                           .deadline = options.deadline};
    const auto timeout = wasm::effective_timeout(policy_, run_options);
    auto input = TRY(wasm::make_guest_input(options.name, policy_.config(), run_options));
    auto functions = TRY(wasm::make_host_functions(policy_, run_options, started,
                                                   {.audit = options_.audit,
                                                    .commands = options_.commands,
                                                    .sandbox = std::string(sandbox_kind)}));
    if (used != nullptr) {
      functions.impl().context->continue_quotas(std::move(used));
    }
    GuestRun guest(functions, *functions.impl().context);
    guest.args = std::move(input.args);
    guest.environment = std::move(input.environment);
    guest.stdin_data = std::move(run_options.stdin_data);

    const auto evaluate_in_turn = [&]() -> SnippetOutcome {
      auto turn = concurrent_runs_.take(1, "concurrent runs (max_concurrent_runs)",
                                        guest.context.deadline(), guest.context.stop());
      if (!turn) {
        return {.execution = {.ending = wasm::ending_of(std::move(turn).error())}};
      }
      return evaluate_for(guest, timeout);
    };
    SnippetOutcome outcome = evaluate_in_turn();
    Evaluation evaluation;
    evaluation.value = std::move(outcome.value);
    evaluation.value_truncated = outcome.value_truncated;
    evaluation.result =
        wasm::report_run(guest, std::move(outcome.execution), evaluator_->description());
    wasm::interpreter::name_memory_trap(language_, memory_limit_bytes_, evaluation.result);
    evaluation.result.duration = Clock::now() - started;
    wasm::record_outcome(options_.audit.get(), policy_.config(), evaluation.result);
    return evaluation;
  });
}

class Interpreter::Session::Impl {
 public:
  explicit Impl(std::shared_ptr<Interpreter::Impl> interpreter)
      : interpreter_(std::move(interpreter)),
        evaluator_(interpreter_->evaluator().open_session()) {}

  Expected<Evaluation> evaluate(std::string_view code, EvaluateOptions options) {
    if (has_ended()) {
      return base::make_error(ErrorKind::unavailable,
                              "the session has ended with an earlier snippet; open another one");
    }
    return interpreter_->evaluate(
        code, std::move(options), used_, [&](GuestRun& guest, auto timeout) {
          guest.fds = std::move(files_);
          SnippetOutcome outcome = evaluator_->evaluate(code, guest, timeout);
          files_ = std::move(guest.fds);
          if (!outcome.can_go_on) {
            evaluator_.reset();
            files_.reset();
          }
          return outcome;
        });
  }

  bool has_ended() const noexcept { return evaluator_ == nullptr; }

 private:
  const std::shared_ptr<Interpreter::Impl> interpreter_;  // must outlive what it lent
  const std::shared_ptr<UsedQuotas> used_ = std::make_shared<UsedQuotas>();  // of all snippets
  std::unique_ptr<wasm::wasi::FdTable> files_;  // between snippets; a snippet's run has them else
  std::unique_ptr<wasm::interpreter::SessionEvaluator> evaluator_;  // null: it has ended
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
  TRY(audit::require_sink(policy.config(), options.audit.get()));
  if (policy.compiled().limits().fuel) {
    return base::make_error(ErrorKind::unavailable,
                            "interpreters do not meter fuel; leave fuel_limit out of the policy, "
                            "and use timeout");
  }
  return guarded([&]() -> Expected<Interpreter> {
    const std::uint64_t memory_limit_bytes =
        policy.compiled().limits().memory_limit(policy::default_interpreter_memory_bytes);
    const wasm::interpreter::EvaluatorSettings settings{.policy = policy,
                                                        .language = language,
                                                        .memory_limit_bytes = memory_limit_bytes,
                                                        .options = options};
    auto evaluator = TRY(options.isolation == Isolation::worker
                             ? wasm::interpreter::make_evaluator_of_workers(settings)
                             : wasm::interpreter::make_evaluator_here(settings));
    return Interpreter(std::make_shared<Impl>(std::move(policy), language, std::move(options),
                                              memory_limit_bytes, std::move(evaluator)));
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
