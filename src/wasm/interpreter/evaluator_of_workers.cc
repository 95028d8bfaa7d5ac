#include <unistd.h>

#include <utility>

#include "base/try.h"
#include "wasm/interpreter/evaluator.h"
#include "wasm/interpreter/interpreter_files.h"
#include "wasm/worker/workers.h"

namespace omnisandbox::wasm::interpreter {
namespace {

using worker::RunKind;
using worker::TaskResult;

// A worker refuses a snippet for nothing that a run's own ending does not say.
SnippetOutcome outcome_of(Expected<TaskResult> done) {
  if (!done) {
    return {.execution = {.ending = ending_of(std::move(done).error())}};
  }
  return {.execution = std::move(done->execution),
          .value = std::move(done->value),
          .value_truncated = done->value_truncated,
          .can_go_on = done->can_go_on};
}

class SessionOfWorker : public SessionEvaluator {
 public:
  explicit SessionOfWorker(worker::Workers& workers) : process_id_(getpid()), workers_(workers) {}
  ~SessionOfWorker() override {
    if (getpid() != process_id_) {
      static_cast<void>(lease_.release());  // a forked child: the worker is its parent's
    } else if (lease_ != nullptr) {
      lease_->worker().retire();
    }
  }

  SnippetOutcome evaluate(std::string_view code, GuestRun& guest,
                          std::chrono::milliseconds timeout) override {
    if (lease_ == nullptr) {
      auto lease = workers_.borrow_for_session(guest.context.deadline(), guest.context.stop());
      if (!lease) {
        return {.execution = {.ending = ending_of(std::move(lease).error())}, .can_go_on = true};
      }
      lease_ = std::make_unique<worker::WorkerPool::Lease>(std::move(*lease));
    }
    return outcome_of(workers_.execute_by(
        lease_->worker(), {.kind = RunKind::session_snippet, .text = code}, guest, timeout));
  }

 private:
  const int process_id_;
  worker::Workers& workers_;
  std::unique_ptr<worker::WorkerPool::Lease> lease_;
};

class EvaluatorOfWorkers : public Evaluator {
 public:
  explicit EvaluatorOfWorkers(std::unique_ptr<worker::Workers> workers)
      : process_id_(getpid()), workers_(std::move(workers)) {}
  ~EvaluatorOfWorkers() override {
    if (!belongs_to_this_process()) {
      // A forked child: the worker processes, and the thread that keeps them, are its parent's.
      static_cast<void>(workers_.release());
    }
  }

  SnippetOutcome evaluate(std::string_view code, GuestRun& guest,
                          std::chrono::milliseconds timeout) override {
    return outcome_of(workers_->execute({.kind = RunKind::snippet, .text = code}, guest, timeout));
  }
  std::unique_ptr<SessionEvaluator> open_session() override {
    return std::make_unique<SessionOfWorker>(*workers_);
  }
  SandboxDescription description() const override { return workers_->description(); }
  bool belongs_to_this_process() const noexcept override { return getpid() == process_id_; }

 private:
  const int process_id_;
  std::unique_ptr<worker::Workers> workers_;
};

}  // namespace

Expected<std::unique_ptr<Evaluator>> make_evaluator_of_workers(const EvaluatorSettings& settings) {
  worker::InterpreterCode code =
      TRY(InterpreterFiles::find(settings.options.folder).open(settings.language));
  TRY(component::check_start_memory(code.shape, settings.memory_limit_bytes));
  auto workers = TRY(worker::Workers::create(settings.policy, settings.memory_limit_bytes,
                                             settings.options.worker_program, std::move(code)));
  return std::unique_ptr<Evaluator>(std::make_unique<EvaluatorOfWorkers>(std::move(workers)));
}

}  // namespace omnisandbox::wasm::interpreter
