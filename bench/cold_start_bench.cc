// What a program pays that starts anew, before its guest runs: a component of 30 MB that was
// compiled before, and what of that is hashing. The component is the Python interpreter's.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "omnisandbox/interpreter.h"
#include "omnisandbox/module_exports.h"
#include "omnisandbox/policy.h"
#include "wasm/cache/digest.h"

namespace omnisandbox {
namespace {

constexpr std::uint64_t memory_limit_mb = 256;

const std::vector<char>& component() {
  static const std::vector<char> bytes = [] {
    std::ifstream file(OMNISANDBOX_INTERPRETERS_DIR "/python.wasm", std::ios::binary);
    return std::vector<char>{std::istreambuf_iterator<char>(file), {}};
  }();
  return bytes;
}

/// A folder for one program's run; removed at its end.
const std::string& cache_folder() {
  struct Folder {
    std::string path = std::filesystem::temp_directory_path() / "cold-start-XXXXXX";
    Folder() {
      if (::mkdtemp(path.data()) == nullptr) {
        std::abort();
      }
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
      std::error_code problem;
      std::filesystem::remove_all(path, problem);
    }
  };
  static const Folder folder;
  return folder.path;
}

Expected<ModuleExports> load(Isolation isolation) {
  Config config;
  config.memory_limit_mb = memory_limit_mb;
  return ModuleExports::load(*Policy::compile(std::move(config)), "component",
                             std::as_bytes(std::span(component())),
                             {.isolation = isolation,
                              .module_cache = cache_folder(),
                              .worker_program = OMNISANDBOX_BENCH_WORKER});
}

// A new engine, and the component out of the module cache.
void component_from_cache(benchmark::State& state, Isolation isolation) {
  if (const auto compiled = load(isolation); !compiled) {
    state.SkipWithError(compiled.error().message.c_str());
    return;
  }
  for (auto round : state) {
    if (const auto loaded = load(isolation); !loaded) {
      state.SkipWithError(loaded.error().message.c_str());
      return;
    }
  }
  state.counters["component_mb"] = static_cast<double>(component().size()) / 1e6;
}

// A new engine, and the interpreter from its own compiled file, which is mapped.
void interpreter_from_file(benchmark::State& state) {
  for (auto round : state) {
    const auto interpreter = Interpreter::create(*Policy::compile({}), Language::python,
                                                 {.isolation = Isolation::in_process,
                                                  .folder = OMNISANDBOX_INTERPRETERS_DIR,
                                                  .worker_program = OMNISANDBOX_BENCH_WORKER});
    if (!interpreter) {
      state.SkipWithError(interpreter.error().message.c_str());
      return;
    }
  }
}

// The name of a component in the cache is its digest.
void digest_of_component(benchmark::State& state) {
  const auto bytes = std::as_bytes(std::span(component()));
  for (auto round : state) {
    benchmark::DoNotOptimize(wasm::sha256(bytes));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

BENCHMARK(interpreter_from_file)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(digest_of_component)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(component_from_cache, in_process, Isolation::in_process)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(component_from_cache, worker, Isolation::worker)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace omnisandbox
