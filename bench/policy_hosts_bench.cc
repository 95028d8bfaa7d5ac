// What a host decision costs, by the number of rules: it must stay below a microsecond and grow
// slower than the list.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "policy/host/canonical_url.h"
#include "policy/host/host_rules.h"
#include "policy/host/ip_address.h"

namespace omnisandbox::policy {
namespace {

// Names, wildcards, ranges of addresses, and one host with many ports, a quarter each.
std::vector<HostRule> rules_of(std::int64_t count) {
  std::vector<HostRule> rules;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto number = static_cast<std::uint32_t>(i);
    switch (i % 4) {
      case 0:
        rules.emplace_back("host" + std::to_string(i) + ".example.com");
        break;
      case 1:
        rules.emplace_back("*.zone" + std::to_string(i) + ".example.org");
        break;
      case 2:
        rules.emplace_back(
            IpRange::of(IpAddress::from_v4(0x14000000 + (number << 8)), 24).to_string());
        break;
      default:
        rules.emplace_back("ports.example.net:" + std::to_string(1024 + i));
        break;
    }
  }
  return rules;
}

void judge(benchmark::State& state, const std::string& url) {
  const auto rules = HostRules::compile(rules_of(state.range(0)));
  const auto target = canonicalise_url(url);
  if (!rules || !target) {
    state.SkipWithError("the rules or the URL are wrong");
    return;
  }
  for (auto _ : state) benchmark::DoNotOptimize(rules->judge(*target, "GET"));
}

void exact_name(benchmark::State& state) { judge(state, "https://host0.example.com/a/b?c=d"); }
void subdomain(benchmark::State& state) { judge(state, "https://a.b.zone1.example.org/a/b"); }
void address_in_a_range(benchmark::State& state) { judge(state, "https://20.0.2.77/"); }
void one_of_many_ports(benchmark::State& state) { judge(state, "https://ports.example.net:1027/"); }
void unlisted_name(benchmark::State& state) { judge(state, "https://evil.example/"); }
void unlisted_address(benchmark::State& state) { judge(state, "https://127.0.0.1/"); }
BENCHMARK(exact_name)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(subdomain)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(address_in_a_range)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(one_of_many_ports)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(unlisted_name)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(unlisted_address)->RangeMultiplier(10)->Range(10, 10'000);

// All rules for one host and port, with different paths: the case that a hash of hosts does not
// help.
void one_host_with_many_paths(benchmark::State& state) {
  std::vector<HostRule> list;
  for (std::int64_t i = 0; i < state.range(0); ++i)
    list.emplace_back("https://paths.example.com/folder" + std::to_string(i) + "/");
  const auto rules = HostRules::compile(list);
  const auto target = canonicalise_url("https://paths.example.com/folder" +
                                       std::to_string(state.range(0) - 1) + "/file");
  for (auto _ : state) benchmark::DoNotOptimize(rules->judge(*target, "GET"));
}
BENCHMARK(one_host_with_many_paths)->RangeMultiplier(10)->Range(10, 10'000);

void address_guard(benchmark::State& state) {
  const auto rules = HostRules::compile(rules_of(1000));
  const auto target = canonicalise_url("https://host0.example.com/");
  const HostAnswer grant = rules->judge(*target, "GET");
  const auto address = IpAddress::from_v4(0x5db8d822);
  for (auto _ : state) benchmark::DoNotOptimize(rules->judge_address(*target, grant, address));
}
BENCHMARK(address_guard);

void canonicalise(benchmark::State& state, const std::string& url) {
  for (auto _ : state) benchmark::DoNotOptimize(canonicalise_url(url));
}
BENCHMARK_CAPTURE(canonicalise, plain, "https://api.example.com/v1/items?limit=10");
BENCHMARK_CAPTURE(canonicalise, international,
                  "https://b\xc3\xbc"
                  "cher.example/");
BENCHMARK_CAPTURE(canonicalise, address, "http://0x7f.1:8080/");

void compile(benchmark::State& state) {
  const auto rules = rules_of(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(HostRules::compile(rules));
}
BENCHMARK(compile)->RangeMultiplier(10)->Range(10, 10'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace omnisandbox::policy
