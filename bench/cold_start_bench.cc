// What a program pays that starts anew, before its guest runs: a component of 30 MB that was
// compiled before, from its file and from bytes, and what of that is hashing. The component is the
// Python interpreter's.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "omnisandbox/interpreter.h"
#include "omnisandbox/module_exports.h"
#include "omnisandbox/module_file.h"
#include "omnisandbox/policy.h"
#include "wasm/cache/digest.h"
#include "wasm/cache/file_stamp.h"

namespace omnisandbox {
namespace {

constexpr std::uint64_t memory_limit_mb = 256;
// On a busy machine.
constexpr std::chrono::minutes time_to_compile{10};
constexpr const char* component_path = OMNISANDBOX_INTERPRETERS_DIR "/python.wasm";

const std::vector<char>& component() {
  static const std::vector<char> bytes = [] {
    std::ifstream file(component_path, std::ios::binary);
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

template <class Content>
Expected<ModuleExports> load(const Content& content, Isolation isolation) {
  Config config;
  config.memory_limit_mb = memory_limit_mb;
  config.timeout = time_to_compile;
  return ModuleExports::load(*Policy::compile(std::move(config)), "component", content,
                             {.isolation = isolation,
                              .module_cache = cache_folder(),
                              .worker_program = OMNISANDBOX_BENCH_WORKER});
}

// A new engine, and the component out of the module cache.
template <class Content>
void component_from_cache(benchmark::State& state, const Content& content, Isolation isolation) {
  // Once compiled, and once found, when it has been quiet for long enough to be known again.
  for (int before = 0; before < 2; ++before) {
    if (const auto loaded = load(content, isolation); !loaded) {
      state.SkipWithError(loaded.error().message.c_str());
      return;
    }
    std::this_thread::sleep_for(wasm::quiet_time);
  }
  for (auto round : state) {
    if (const auto loaded = load(content, isolation); !loaded) {
      state.SkipWithError(loaded.error().message.c_str());
      return;
    }
  }
  state.counters["component_mb"] = static_cast<double>(component().size()) / 1e6;
}

void component_file(benchmark::State& state, Isolation isolation) {
  component_from_cache(state, ModuleFile{.path = component_path}, isolation);
}

void component_bytes(benchmark::State& state, Isolation isolation) {
  component_from_cache(state, std::as_bytes(std::span(component())), isolation);
}

// The same, and a worker that lists what it exports, which it must have loaded for that.
void component_file_listed_by_worker(benchmark::State& state) {
  for (auto round : state) {
    const auto loaded = load(ModuleFile{.path = component_path}, Isolation::worker);
    if (!loaded || !loaded->list()) {
      state.SkipWithError("the component is not listed");
      return;
    }
  }
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
BENCHMARK_CAPTURE(component_file, in_process, Isolation::in_process)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(component_file, worker, Isolation::worker)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(component_file_listed_by_worker)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(component_bytes, in_process, Isolation::in_process)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK_CAPTURE(component_bytes, worker, Isolation::worker)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace omnisandbox
