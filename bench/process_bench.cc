// What confinement of a command costs: /bin/true by posix_spawn, by us, and by bubblewrap where it
// is installed. Only ratios of one run carry over to another machine.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "omnisandbox/process_sandbox.h"

namespace omnisandbox {
namespace {

ProcessSandboxOptions options() { return {.launcher = OMNISANDBOX_LAUNCHER}; }

void spawn_and_wait(benchmark::State& state, char* const* argv) {
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

void bubblewrap(benchmark::State& state) {
  if (::access("/usr/bin/bwrap", X_OK) != 0) {
    state.SkipWithError("bubblewrap is not installed");
    return;
  }
  std::array<const char*, 7> argv = {"/usr/bin/bwrap", "--unshare-all", "--ro-bind", "/", "/",
                                     "/bin/true",      nullptr};
  spawn_and_wait(state, const_cast<char* const*>(argv.data()));
}

void confined(benchmark::State& state) {
  auto sandbox = ProcessSandbox::create(
      Config{.capabilities = {Capability::exec_run}, .allowed_commands = {"true"}}, options());
  if (!sandbox) {
    state.SkipWithError(sandbox.error().message.c_str());
    return;
  }
  for (auto round : state) {
    const auto result = sandbox->run("true", {});
    if (!result || result->status != Status::ok) {
      state.SkipWithError("the command did not run");
      return;
    }
  }
}

// 256 MiB through stdout, counted and dropped.
void output(benchmark::State& state) {
  constexpr std::int64_t bytes = 256 * 1024 * 1024;
  auto sandbox = ProcessSandbox::create(
      Config{.capabilities = {Capability::exec_run}, .allowed_commands = {"head"}}, options());
  for (auto round : state) {
    const auto result = sandbox->run("head", {"-c", std::to_string(bytes), "/dev/zero"});
    if (!result || result->stdout_bytes != bytes) {
      state.SkipWithError("the output did not come");
      return;
    }
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}

BENCHMARK(bare_spawn)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(confined)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(bubblewrap)->UseRealTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(output)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace omnisandbox
