// What confinement of a command costs: /bin/true by posix_spawn, by us, and by bubblewrap where it
// is installed; output; bombs. Only ratios of one run carry over to another machine:
// --benchmark_enable_random_interleaving=true --benchmark_repetitions=9, and medians.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "omnisandbox/process_sandbox.h"
#include "process/command_run.h"
#include "process/sandbox_pool.h"

namespace omnisandbox {
namespace {

ProcessSandboxOptions options() { return {.launcher = OMNISANDBOX_LAUNCHER}; }

Config true_config() {
  return {.capabilities = {Capability::exec_run}, .allowed_commands = {"true"}};
}

/// CPU time of this process and of what it has waited for, a run.
class CpuTime {
 public:
  explicit CpuTime(benchmark::State& state) : state_(state), before_(now_us()) {}
  ~CpuTime() {
    state_.counters["cpu_us"] =
        benchmark::Counter(now_us() - before_, benchmark::Counter::kAvgIterations);
  }
  CpuTime(const CpuTime&) = delete;
  CpuTime& operator=(const CpuTime&) = delete;

 private:
  static double now_us() {
    double sum = 0;
    for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
      rusage usage{};
      ::getrusage(who, &usage);
      for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
        sum += static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
      }
    }
    return sum;
  }
  benchmark::State& state_;
  double before_;
};

void spawn_and_wait(benchmark::State& state, char* const* argv) {
  const CpuTime cpu(state);
  for (auto round : state) {
    pid_t pid = 0;
    int status = -1;
    std::array<char*, 1> environment = {nullptr};
    if (::posix_spawn(&pid, argv[0], nullptr, nullptr, argv, environment.data()) != 0 ||
        ::waitpid(pid, &status, 0) != pid || status != 0) {
      state.SkipWithError("the program did not run");
      return;
    }
  }
}

void bare_spawn(benchmark::State& state) {
  std::array<char*, 2> argv = {const_cast<char*>("/bin/true"), nullptr};
  spawn_and_wait(state, argv.data());
}

// What refills the pool is not timed, as it happens while a program does something else. It takes
// some milliseconds; the walls are up a moment after the launcher has started.
constexpr std::chrono::milliseconds pause_between_runs{20};

// As the runs from the pool are measured: after a pause, in which the caches forget and the cores
// fall asleep.
void bare_spawn_after_pause(benchmark::State& state) {
  std::array<char*, 2> argv = {const_cast<char*>("/bin/true"), nullptr};
  std::array<char*, 1> environment = {nullptr};
  for (auto round : state) {
    state.PauseTiming();
    std::this_thread::sleep_for(pause_between_runs);
    state.ResumeTiming();
    pid_t pid = 0;
    int status = -1;
    if (::posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environment.data()) != 0 ||
        ::waitpid(pid, &status, 0) != pid || status != 0) {
      state.SkipWithError("the program did not run");
      return;
    }
  }
}

void bubblewrap(benchmark::State& state) {
  if (::access("/usr/bin/bwrap", X_OK) != 0) {
    state.SkipWithError("bubblewrap is not installed");
    return;
  }
  std::array<const char*, 11> argv = {
      "/usr/bin/bwrap", "--unshare-all", "--ro-bind", "/",         "/",    "--proc",
      "/proc",          "--dev",         "/dev",      "/bin/true", nullptr};
  spawn_and_wait(state, const_cast<char* const*>(argv.data()));
}

void run_true(benchmark::State& state, const ProcessRunOptions& run_options) {
  auto sandbox = ProcessSandbox::create(true_config(), options());
  if (!sandbox) {
    state.SkipWithError(sandbox.error().message.c_str());
    return;
  }
  const CpuTime cpu(state);
  for (auto round : state) {
    const auto result = sandbox->run("true", {}, run_options);
    if (!result || result->status != Status::ok) {
      state.SkipWithError("the command did not run");
      return;
    }
  }
}

void confined(benchmark::State& state) { run_true(state, {}); }
void confined_explained(benchmark::State& state) { run_true(state, {.explain = true}); }

// From a sandbox that stands ready.
void confined_warm(benchmark::State& state) {
  auto policy = Policy::compile(true_config());
  auto machinery =
      process::prepare_machinery({.launcher = OMNISANDBOX_LAUNCHER, .warm_sandboxes = 1});
  if (!policy || !machinery) {
    state.SkipWithError("no sandbox");
    return;
  }
  process::warm_up(*policy, **machinery);
  for (auto round : state) {
    state.PauseTiming();
    const auto now = std::chrono::steady_clock::now();
    const bool is_full = (*machinery)->pool->wait_until_full(now + std::chrono::seconds(10));
    std::this_thread::sleep_for(pause_between_runs);
    state.ResumeTiming();
    const auto result = process::run_confined(
        *policy, **machinery, {.command = "true", .deadline = now + std::chrono::seconds(20)});
    if (!is_full || !result || result->status != Status::ok) {
      state.SkipWithError("the command did not run");
      return;
    }
  }
}

constexpr std::int64_t output_bytes = 1 << 30;

// 1 GiB through stdout, counted and dropped.
void output(benchmark::State& state) {
  auto sandbox = ProcessSandbox::create(
      Config{.capabilities = {Capability::exec_run}, .allowed_commands = {"head"}}, options());
  for (auto round : state) {
    const auto result = sandbox->run("head", {"-c", std::to_string(output_bytes), "/dev/zero"});
    if (!result || result->stdout_bytes != output_bytes) {
      state.SkipWithError("the output did not come");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * output_bytes);
}

// The same from a plain child over a plain pipe.
void bare_pipe(benchmark::State& state) {
  std::vector<char> buffer(256 * 1024);
  for (auto round : state) {
    const std::string command = "exec head -c " + std::to_string(output_bytes) + " /dev/zero";
    FILE* pipe = ::popen(command.c_str(), "re");
    std::int64_t total = 0;
    for (ssize_t count = 0; (count = ::read(::fileno(pipe), buffer.data(), buffer.size())) > 0;) {
      total += count;
    }
    if (::pclose(pipe) != 0 || total != output_bytes) {
      state.SkipWithError("the output did not come");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * output_bytes);
}

// From the start of a bomb to its Result, while other commands run: all that its limit allows, and
// its end.
void bomb(benchmark::State& state, const char* script, Status expected) {
  Config config{.capabilities = {Capability::exec_run}, .allowed_commands = {"sh", "tail", "true"}};
  config.memory_limit_mb = expected == Status::memory_limit ? 32 : 1024;
  config.max_processes = 32;
  auto sandbox = ProcessSandbox::create(config, options());
  auto other = ProcessSandbox::create(true_config(), options());
  if (!sandbox || !other) {
    state.SkipWithError("no sandbox");
    return;
  }
  std::atomic<int> failures = 0;
  const std::jthread bystander([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto result = other->run("true", {});
      failures += result && result->status == Status::ok ? 0 : 1;
    }
  });
  for (auto round : state) {
    const auto result = sandbox->run("sh", {"-c", script});
    if (!result || result->status != expected || failures != 0) {
      state.SkipWithError("it did not end as it should");
      return;
    }
  }
}

void fork_bomb(benchmark::State& state) {
  bomb(state, "b() { b | b & }; b; while :; do b; done", Status::process_limit);
}
void memory_bomb(benchmark::State& state) {
  bomb(state, "exec tail /dev/zero", Status::memory_limit);
}

BENCHMARK(bare_spawn)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(bare_spawn_after_pause)->UseRealTime()->Unit(benchmark::kMicrosecond)->Iterations(30);
BENCHMARK(confined)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(bubblewrap)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(confined_warm)->UseRealTime()->Unit(benchmark::kMicrosecond)->Iterations(30);
BENCHMARK(confined_explained)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(output)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(bare_pipe)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(fork_bomb)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(5);
BENCHMARK(memory_bomb)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(5);

}  // namespace
}  // namespace omnisandbox
