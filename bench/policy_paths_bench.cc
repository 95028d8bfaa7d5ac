// What a path decision costs, by the number of rules: it must stay below a microsecond and grow
// slower than the list.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "policy/path/path_rules.h"

namespace omnisandbox::policy {
namespace {

// Allowed folders, folders taken away, and patterns with and without wildcards, a quarter each.
class Rules {
 public:
  explicit Rules(std::int64_t count) {
    // Every allowed folder is held open.
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    std::string name =
        (std::filesystem::temp_directory_path() / "omnisandbox_bench_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    std::vector<PathRule> list = {{folder_, PathAccess::read}};
    for (std::int64_t i = 0; i < count; ++i) {
      switch (i % 4) {
        case 0:
          std::filesystem::create_directories(fmt::format("{}/projects/p{}/src", folder_, i));
          list.emplace_back(fmt::format("{}/projects/p{}", folder_, i), PathAccess::read_write);
          break;
        case 1:
          list.emplace_back(fmt::format("{}/projects/p{}/private", folder_, i - 1),
                            PathAccess::none);
          break;
        case 2:
          list.emplace_back(fmt::format("**/secret{}/keys", i), PathAccess::none);
          break;
        default:
          list.emplace_back(fmt::format("**/*.key{}", i), PathAccess::none);
          break;
      }
    }
    auto compiled =
        PathRules::compile(Config{.capabilities = {Capability::fs_read, Capability::fs_write},
                                  .allowed_paths = std::move(list)});
    if (compiled) {
      rules_ = std::move(*compiled);
    } else {
      problem_ = compiled.error().message;
    }
  }
  Rules(const Rules&) = delete;
  Rules& operator=(const Rules&) = delete;
  ~Rules() { std::filesystem::remove_all(folder_); }

  void judge(benchmark::State& state, const std::string& path, PathAccess expected) const {
    const std::string whole = folder_ + path;
    if (!problem_.empty() || rules_.judge(whole).access != expected) {
      state.SkipWithError(problem_.empty() ? "the answer is wrong" : problem_.c_str());
      return;
    }
    for (auto _ : state) benchmark::DoNotOptimize(rules_.judge(whole));
  }

 private:
  std::string folder_;
  PathRules rules_;
  std::string problem_;
};

void allowed_file(benchmark::State& state) {
  Rules(state.range(0)).judge(state, "/projects/p0/src/main/file.cc", PathAccess::read_write);
}
void deep_file(benchmark::State& state) {
  Rules(state.range(0))
      .judge(state, "/projects/p0/src/a/b/c/d/e/f/g/h/i/j/k/l/m/file.cc", PathAccess::read_write);
}
void folder_taken_away(benchmark::State& state) {
  Rules(state.range(0)).judge(state, "/projects/p0/private/x/y/z", PathAccess::none);
}
void pattern_taken_away(benchmark::State& state) {
  Rules(state.range(0)).judge(state, "/projects/p0/a/secret2/keys", PathAccess::none);
}
void wildcard_taken_away(benchmark::State& state) {
  Rules(state.range(0)).judge(state, "/projects/p0/a/b.key3", PathAccess::none);
}
void built_in_secret(benchmark::State& state) {
  Rules(state.range(0)).judge(state, "/projects/p0/home/.ssh/id_rsa", PathAccess::none);
}
void uncovered_path(benchmark::State& state) {
  Rules(state.range(0)).judge(state, "-evil/projects/p0/src/file.cc", PathAccess::none);
}
BENCHMARK(allowed_file)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(deep_file)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(folder_taken_away)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(pattern_taken_away)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(wildcard_taken_away)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(built_in_secret)->RangeMultiplier(10)->Range(10, 10'000);
BENCHMARK(uncovered_path)->RangeMultiplier(10)->Range(10, 10'000);

}  // namespace
}  // namespace omnisandbox::policy
