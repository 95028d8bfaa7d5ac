// What a whole decision costs (capability, all layers, rule and reason), for paths, hosts and
// commands under a policy of many rules, and on many threads: deciding takes no lock, so that
// throughput grows with the cores.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "omnisandbox/policy.h"
#include "policy/compiled_policy.h"
#include "policy/host/canonical_url.h"

namespace omnisandbox {
namespace {

// A third of the rules each, of commands that a system has, with different arguments.
Config config_of(std::int64_t rules) {
  Config config{.capabilities = {Capability::fs_read, Capability::net_http, Capability::exec_run}};
  config.allowed_paths.emplace_back("/usr/share");
  for (std::int64_t i = 0; i < rules / 3; ++i) {
    config.allowed_paths.emplace_back(fmt::format("/usr/share/nothing{}/private", i),
                                      PathAccess::none);
    config.allowed_hosts.emplace_back(fmt::format("host{}.example.com", i));
    config.allowed_commands.emplace_back("git", std::vector{fmt::format("subcommand{}", i)});
  }
  config.allowed_commands.emplace_back("ls");
  return config;
}

const Policy& policy_of(std::int64_t rules) {
  static const Policy small = *Policy::compile(config_of(10));
  static const Policy thousand = *Policy::compile(config_of(1'000));
  static const Policy ten_thousand = *Policy::compile(config_of(10'000));
  return rules <= 10 ? small : rules <= 1'000 ? thousand : ten_thousand;
}

void decide_path(benchmark::State& state) {
  const auto& policy = policy_of(state.range(0)).compiled();
  for (auto _ : state) {
    const auto grant = policy.judge_path("/usr/share/doc/base-files/README", policy::PathUse::read,
                                         "/usr/share/doc/base-files/README");
    if (!grant) state.SkipWithError("the path is denied");
  }
  state.SetItemsProcessed(state.iterations());
}

void decide_host(benchmark::State& state) {
  const auto& policy = policy_of(state.range(0)).compiled();
  const auto target = policy::canonicalise_url("https://host2.example.com/a/b?c=d");
  for (auto _ : state) {
    const auto grant = policy.judge_request(*target, "GET", target->url);
    if (!grant) state.SkipWithError("the host is denied");
  }
  state.SetItemsProcessed(state.iterations());
}

void decide_command(benchmark::State& state) {
  const auto& policy = policy_of(state.range(0)).compiled();
  const std::vector<std::string> arguments = {"-l", "/usr/share"};
  for (auto _ : state) {
    const auto grant = policy.judge_command("ls", arguments);
    if (!grant) state.SkipWithError("the command is denied");
  }
  state.SetItemsProcessed(state.iterations());
}

constexpr int cores = 2;
constexpr int many_threads = 64;
BENCHMARK(decide_path)->Arg(10)->Arg(1'000)->Arg(10'000);
BENCHMARK(decide_host)->Arg(10)->Arg(1'000)->Arg(10'000);
BENCHMARK(decide_command)->Arg(10)->Arg(1'000)->Arg(10'000);
BENCHMARK(decide_path)
    ->Arg(1'000)
    ->Threads(1)
    ->Threads(cores)
    ->Threads(many_threads)
    ->UseRealTime();
BENCHMARK(decide_host)
    ->Arg(1'000)
    ->Threads(1)
    ->Threads(cores)
    ->Threads(many_threads)
    ->UseRealTime();
BENCHMARK(decide_command)
    ->Arg(1'000)
    ->Threads(1)
    ->Threads(cores)
    ->Threads(many_threads)
    ->UseRealTime();

}  // namespace
}  // namespace omnisandbox
