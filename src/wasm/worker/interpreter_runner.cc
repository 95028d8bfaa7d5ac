#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "host_functions/host_functions_impl.h"
#include "wasm/component/compiled_component.h"
#include "wasm/component/component_execution.h"
#include "wasm/interpreter/snippet.h"
#include "wasm/worker/guest_runner.h"

namespace omnisandbox::wasm::worker {
namespace {

using component::CompiledComponent;
using component::ComponentEngine;

/// One instance of the interpreter, made before its snippet comes or kept from one snippet of a
/// session to the next.
struct Live {
  Live(HostFunctions host_functions, ComponentEngine& engine, component::Outside& outside,
       std::uint64_t memory_limit_bytes)
      : functions(std::move(host_functions)),
        nobody(functions, *functions.impl().context),
        run(nobody, outside),
        instance(engine, run, memory_limit_bytes) {}

  HostFunctions functions;  // for `nobody`
  GuestRun nobody;          // whose run it is before the first snippet's
  component::ComponentRun run;
  component::ComponentInstance instance;
  bool is_used = false;
};

class InterpreterRunner : public GuestRunner {
 public:
  InterpreterRunner(const RunnerTools& tools, std::shared_ptr<ComponentEngine> engine,
                    std::shared_ptr<const CompiledComponent> interpreter,
                    component::ExportIndexOwner evaluate)
      : tools_(tools),
        engine_(std::move(engine)),
        interpreter_(std::move(interpreter)),
        evaluate_(std::move(evaluate)) {}

  Expected<void> load(std::uint64_t, const linux_::Fd&, const CodeShape&) override {
    return not_for_this();
  }
  void unload(std::uint64_t) override {}
  Expected<std::vector<FunctionType>> list(std::uint64_t) override { return not_for_this(); }
  Expected<Code> compile(std::span<const std::byte>) override { return not_for_this(); }

  Expected<Answer> run(const Run& request, GuestRun& guest) override {
    const bool is_of_session = request.kind == RunKind::session_snippet;
    if (!is_of_session && request.kind != RunKind::snippet) {
      return not_for_this();
    }
    if (live_ == nullptr || (live_->is_used && !is_of_session)) {
      live_ = TRY(make_live());
    }
    live_->is_used = true;
    live_->run.guest = &guest;
    const component::Value snippet = interpreter::snippet_value(request.text, guest);
    component::Value outcome;
    Answer answer;
    answer.execution =
        live_->instance.call(*interpreter_, evaluate_.get(), {snippet.get()}, &outcome,
                             std::chrono::milliseconds(request.timeout_ms));
    live_->run.guest = &live_->nobody;
    if (answer.execution.ending.status == Status::ok && !guest.exit_code) {
      interpreter::SnippetValue value;
      interpreter::read_outcome(outcome, guest, tools_.settings.memory_limit_bytes,
                                answer.execution, value);
      answer.value = std::move(value.text);
      answer.value_truncated = value.is_truncated;
    }
    answer.can_go_on = interpreter::may_take_another(guest, answer.execution);
    keep_ = is_of_session && answer.can_go_on;
    return answer;
  }

  // Nothing of a snippet is left when the next one comes: its memory is dropped, and an instance
  // with the memory's image is there.
  void prepare() override {
    if (keep_) {
      return;
    }
    live_.reset();
    if (auto made = make_live(); made && (*made)->instance.prepare(*interpreter_)) {
      live_ = std::move(*made);
    }
  }

 private:
  static Error not_for_this() {
    return base::make_error(ErrorKind::internal,
                            "a worker for snippets was asked for something "
                            "else");
  }

  Expected<std::unique_ptr<Live>> make_live() {
    live_.reset();  // first: there is room for a few only
    auto functions = TRY(HostFunctions::create(tools_.limits));
    return std::make_unique<Live>(std::move(functions), *engine_, tools_.outside,
                                  tools_.settings.memory_limit_bytes);
  }

  const RunnerTools tools_;
  const std::shared_ptr<ComponentEngine> engine_;  // shared by its own interface
  const std::shared_ptr<const CompiledComponent> interpreter_;
  const component::ExportIndexOwner evaluate_;
  std::unique_ptr<Live> live_;
  bool keep_ = false;
};

}  // namespace

Expected<std::unique_ptr<GuestRunner>> make_interpreter_runner(const RunnerTools& tools,
                                                               const linux_::Fd& code) {
  if (!code.is_open()) {
    return base::make_error(ErrorKind::internal, "the interpreter's code did not come");
  }
  auto engine = TRY(ComponentEngine::create_for_worker(FuelMetering::no));
  auto interpreter = TRY(CompiledComponent::load(
      *engine, "/proc/self/fd/" + std::to_string(code.get()), tools.settings.interpreter));
  auto evaluate = interpreter->find_export("", interpreter::evaluate_function);
  if (evaluate == nullptr) {
    return base::make_error(ErrorKind::unavailable, "the installed interpreter has no `evaluate`");
  }
  return std::unique_ptr<GuestRunner>(std::make_unique<InterpreterRunner>(
      tools, std::move(engine), std::move(interpreter), std::move(evaluate)));
}

}  // namespace omnisandbox::wasm::worker
