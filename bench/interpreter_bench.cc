// One evaluation in a fresh interpreter, beside the same snippet in a process of the system's own
// interpreter.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "omnisandbox/interpreter.h"
#include "omnisandbox/policy.h"

extern char** environ;

namespace omnisandbox {
namespace {

constexpr const char* python_code = "print(sum(range(100)))";
constexpr const char* javascript_code =
    "let s = 0; for (let i = 0; i < 100; i++) s += i; console.log(s)";

Expected<Interpreter> make(Language language, Isolation isolation = Isolation::in_process) {
  return Interpreter::create(*Policy::compile({}), language,
                             {.isolation = isolation,
                              .folder = OMNISANDBOX_INTERPRETERS_DIR,
                              .worker_program = OMNISANDBOX_BENCH_WORKER});
}

void evaluate_fresh(benchmark::State& state, Language language, const char* code,
                    Isolation isolation = Isolation::in_process) {
  auto interpreter = make(language, isolation);
  if (interpreter) {
    static_cast<void>(interpreter->evaluate(code));  // what comes once is for first_evaluation
  }
  for (auto _ : state) {
    const auto done = interpreter ? interpreter->evaluate(code) : Expected<Evaluation>(Error{});
    if (!done || done->result.stdout_data != "4950\n") {
      state.SkipWithError("the evaluation failed");
      break;
    }
  }
}

// The same from several threads: how many evaluations a second they get together.
void evaluate_on_threads(benchmark::State& state, Isolation isolation) {
  static std::unique_ptr<Expected<Interpreter>> shared;  // by the benchmark's threads
  if (state.thread_index() == 0) {
    shared = std::make_unique<Expected<Interpreter>>(make(Language::python, isolation));
    // As many at once as will be measured, so that each has its worker.
    std::vector<std::jthread> warm;
    for (int index = 0; index < state.threads() && *shared; ++index) {
      warm.emplace_back([] { static_cast<void>((*shared)->evaluate(python_code)); });
    }
  }
  for (auto _ : state) {  // begins on all threads at once
    Expected<Interpreter>& interpreter = *shared;
    const auto done =
        interpreter ? interpreter->evaluate(python_code) : Expected<Evaluation>(Error{});
    if (!done || done->result.stdout_data != "4950\n") {
      state.SkipWithError("the evaluation failed");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) {
    shared.reset();
  }
}

// Loads the compiled interpreter, and evaluates once: what a program pays that starts anew.
void first_evaluation(benchmark::State& state, Language language, const char* code) {
  for (auto _ : state) {
    auto interpreter = make(language);
    if (!interpreter || !interpreter->evaluate(code)) {
      state.SkipWithError("the evaluation failed");
      break;
    }
  }
}

void process(benchmark::State& state, const char* program, const char* option, const char* code) {
  std::array<char*, 4> arguments = {const_cast<char*>(program), const_cast<char*>(option),
                                    const_cast<char*>(code), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 1, 0);
  for (auto _ : state) {
    pid_t child = 0;
    int status = 0;
    if (posix_spawn(&child, program, &actions, nullptr, arguments.data(), environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0) {
      state.SkipWithError("the program failed");
      break;
    }
  }
  posix_spawn_file_actions_destroy(&actions);
}

BENCHMARK_CAPTURE(evaluate_fresh, python, Language::python, python_code)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(evaluate_fresh, python_in_worker, Language::python, python_code,
                  Isolation::worker)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(process, python3, "/usr/bin/python3", "-c", python_code)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(evaluate_on_threads, python, Isolation::in_process)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Threads(1)
    ->Threads(2)
    ->Threads(8);
BENCHMARK_CAPTURE(evaluate_on_threads, python_in_worker, Isolation::worker)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Threads(1)
    ->Threads(2)
    ->Threads(8);
BENCHMARK_CAPTURE(evaluate_fresh, javascript, Language::javascript, javascript_code)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(evaluate_fresh, javascript_in_worker, Language::javascript, javascript_code,
                  Isolation::worker)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(process, node, "/usr/bin/node", "-e", javascript_code)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(first_evaluation, python, Language::python, python_code)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(first_evaluation, javascript, Language::javascript, javascript_code)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace omnisandbox
