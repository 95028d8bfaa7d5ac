#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/component/component_execution.h"
#include "wasm/interpreter/evaluator.h"
#include "wasm/interpreter/interpreter_files.h"
#include "wasm/interpreter/snippet.h"

namespace omnisandbox::wasm::interpreter {
namespace {

using component::ComponentEngine;

class EvaluatorHere : public Evaluator {
 public:
  EvaluatorHere(std::shared_ptr<ComponentEngine> engine,
                std::shared_ptr<const component::CompiledComponent> component,
                component::ExportIndexOwner evaluate, std::uint64_t memory_limit_bytes)
      : engine_(std::move(engine)),
        component_(std::move(component)),
        evaluate_(std::move(evaluate)),
        memory_limit_bytes_(memory_limit_bytes) {}

  SnippetOutcome evaluate(std::string_view code, GuestRun& guest,
                          std::chrono::milliseconds timeout) override {
    auto slots = take_slots(guest.context);
    if (!slots) {
      return {.execution = {.ending = ending_of(std::move(slots).error())}};
    }
    component::ComponentRun run(guest);
    component::ComponentInstance instance(*engine_, run, memory_limit_bytes_);
    return evaluate_in(instance, code, guest, timeout);
  }

  std::unique_ptr<SessionEvaluator> open_session() override;

  SandboxDescription description() const override {
    return {.kind = "wasm",
            .layers = {"app-permissions", "wasm:in-process", "memory-limit", "deadline"}};
  }
  bool belongs_to_this_process() const noexcept override {
    return engine_->belongs_to_this_process();
  }

  Expected<Slots::Lease> take_slots(const host_functions::RunContext& context) {
    TRY(context.check_time());
    return engine_->slots().take(component_->pool_slots(), "instance slots of this process",
                                 context.deadline(), context.stop());
  }

  SnippetOutcome evaluate_in(component::ComponentInstance& instance, std::string_view code,
                             GuestRun& guest, std::chrono::milliseconds timeout) {
    const component::Value snippet = snippet_value(code, guest);
    component::Value outcome;
    SnippetOutcome done;
    done.execution =
        instance.call(*component_, evaluate_.get(), {snippet.get()}, &outcome, timeout);
    if (done.execution.ending.status == Status::ok && !guest.exit_code) {
      SnippetValue value;
      read_outcome(outcome, guest, memory_limit_bytes_, done.execution, value);
      done.value = std::move(value.text);
      done.value_truncated = value.is_truncated;
    }
    done.can_go_on = may_take_another(guest, done.execution);
    return done;
  }

  ComponentEngine& engine() noexcept { return *engine_; }
  std::uint64_t memory_limit_bytes() const noexcept { return memory_limit_bytes_; }

 private:
  const std::shared_ptr<ComponentEngine> engine_;  // shared with others: see ComponentEngine
  const std::shared_ptr<const component::CompiledComponent> component_;
  const component::ExportIndexOwner evaluate_;
  const std::uint64_t memory_limit_bytes_;
};

class SessionHere : public SessionEvaluator {
 public:
  explicit SessionHere(EvaluatorHere& evaluator) : evaluator_(evaluator) {}

  SnippetOutcome evaluate(std::string_view code, GuestRun& guest,
                          std::chrono::milliseconds timeout) override {
    if (instance_ == nullptr) {
      auto slots = evaluator_.take_slots(guest.context);
      if (!slots) {
        return {.execution = {.ending = ending_of(std::move(slots).error())}, .can_go_on = true};
      }
      slots_.emplace(std::move(*slots));
      run_ = std::make_unique<component::ComponentRun>(guest);
      instance_ = std::make_unique<component::ComponentInstance>(evaluator_.engine(), *run_,
                                                                 evaluator_.memory_limit_bytes());
    }
    run_->guest = &guest;
    SnippetOutcome done = evaluator_.evaluate_in(*instance_, code, guest, timeout);
    run_->guest = nullptr;
    return done;
  }

 private:
  EvaluatorHere& evaluator_;
  std::optional<Slots::Lease> slots_;
  std::unique_ptr<component::ComponentRun> run_;
  std::unique_ptr<component::ComponentInstance> instance_;  // uses run_
};

std::unique_ptr<SessionEvaluator> EvaluatorHere::open_session() {
  return std::make_unique<SessionHere>(*this);
}

}  // namespace

Expected<std::unique_ptr<Evaluator>> make_evaluator_here(const EvaluatorSettings& settings) {
  auto engine = TRY(ComponentEngine::shared(FuelMetering::no));
  auto component =
      TRY(InterpreterFiles::find(settings.options.folder).load(*engine, settings.language));
  TRY(component::check_start_memory(component->shape(), settings.memory_limit_bytes));
  auto function = component->find_export("", evaluate_function);
  if (function == nullptr) {
    return base::make_error(ErrorKind::unavailable, "the installed interpreter has no `evaluate`");
  }
  return std::unique_ptr<Evaluator>(std::make_unique<EvaluatorHere>(
      std::move(engine), std::move(component), std::move(function), settings.memory_limit_bytes));
}

}  // namespace omnisandbox::wasm::interpreter
