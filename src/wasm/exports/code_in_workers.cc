#include <unistd.h>

#include <utility>

#include "base/error.h"
#include "base/try.h"
#include "wasm/exports/exported_code.h"
#include "wasm/worker/workers.h"

namespace omnisandbox::wasm::exports {
namespace {

class CodeInWorkers : public ExportedCode {
 public:
  CodeInWorkers(std::unique_ptr<worker::Workers> workers,
                std::shared_ptr<const worker::ModuleCode> code,
                std::chrono::milliseconds list_timeout)
      : process_id_(getpid()),
        workers_(std::move(workers)),
        code_(std::move(code)),
        list_timeout_(list_timeout) {}
  ~CodeInWorkers() override {
    if (!belongs_to_this_process()) {
      // A forked child: the worker processes, and the thread that keeps them, are its parent's.
      static_cast<void>(workers_.release());
    }
  }

  Expected<std::vector<FunctionType>> list() override {
    return workers_->list(*code_, std::chrono::steady_clock::now() + list_timeout_);
  }

  Expected<Called> call(std::string_view function, std::span<const std::string> arguments_json,
                        GuestRun& guest, std::chrono::milliseconds timeout) override {
    auto done =
        TRY(workers_->execute({.kind = worker::RunKind::call,
                               .code = code_.get(),
                               .text = function,
                               .arguments_json = {arguments_json.begin(), arguments_json.end()}},
                              guest, timeout));
    return Called{.execution = std::move(done.execution), .value_json = std::move(done.value)};
  }

  Expected<Execution> run(GuestRun& guest, std::chrono::milliseconds timeout) override {
    if (!std::holds_alternative<component::ComponentShape>(code_->shape)) {
      return base::make_error(ErrorKind::invalid_argument,
                              "\"{}\" is not a command component; Runtime runs core modules",
                              base::printable(guest.args.front()));
    }
    return TRY(workers_->execute({.code = code_.get()}, guest, timeout)).execution;
  }

  SandboxDescription description() const override { return workers_->description(); }
  CacheUse cache_use() const noexcept override { return code_->cache_use; }
  bool belongs_to_this_process() const noexcept override { return getpid() == process_id_; }

 private:
  const int process_id_;
  std::unique_ptr<worker::Workers> workers_;
  const std::shared_ptr<const worker::ModuleCode> code_;
  const std::chrono::milliseconds list_timeout_;
};

}  // namespace

Expected<std::unique_ptr<ExportedCode>> load_in_workers(CodeToLoad code,
                                                        const std::string& worker_program) {
  const auto guests =
      code.input.is_component() ? worker::Guests::components : worker::Guests::modules;
  auto workers = TRY(worker::Workers::create(code.policy, guests, code.memory_limit_bytes,
                                             worker_program, std::move(code.cache)));
  auto compiled = TRY(workers->compile(code.input, code.deadline, code.stop));
  return std::unique_ptr<ExportedCode>(std::make_unique<CodeInWorkers>(
      std::move(workers), std::move(compiled), code.policy.compiled().limits().timeout));
}

}  // namespace omnisandbox::wasm::exports
