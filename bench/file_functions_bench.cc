// Reading and writing files under the policy beside the bare system calls that do the same without
// it. The bars: a read of 4 KiB at most 2 times openat2 + fstat + read + close, an atomic write at
// most 1.3 times create + write + rename. Only ratios of one run mean something.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "omnisandbox/host_functions.h"

namespace omnisandbox {
namespace {

constexpr std::size_t file_bytes = 4096;
constexpr const char* deep_folder = "a/b/c/d";

// One allowed folder with a file at two depths, and the functions over it.
class Fixture {
 public:
  Fixture() {
    const char* base = std::getenv("OMNISANDBOX_BENCH_FOLDER");
    std::string name =
        (base == nullptr ? std::filesystem::temp_directory_path() : std::filesystem::path(base)) /
        "omnisandbox_bench_XXXXXX";
    path_ = ::mkdtemp(name.data());
    std::filesystem::create_directories(path_ + "/" + deep_folder);
    write("file");
    write(std::string(deep_folder) + "/file");
    handle_ = ::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    Config config{.capabilities = {Capability::fs_read, Capability::fs_write},
                  .allowed_paths = {path_}};
    config.timeout = std::chrono::hours(1);
    config.max_host_calls = 1'000'000'000;
    config.max_write_bytes = 1ULL << 40;
    functions_ = std::move(*HostFunctions::create(std::move(*Policy::compile(config))));
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() {
    ::close(handle_);
    std::filesystem::remove_all(path_);
  }

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  int handle() const { return handle_; }
  HostFunctions& functions() { return *functions_; }
  const std::string& content() const { return content_; }

 private:
  void write(const std::string& name) { std::ofstream(path(name)) << content_; }

  std::string path_;
  std::string content_ = std::string(file_bytes, 'x');
  int handle_ = -1;
  std::optional<HostFunctions> functions_;
};

void bare_read(benchmark::State& state, const std::string& name) {
  const Fixture fixture;
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
  std::array<char, file_bytes> buffer;
  for (auto _ : state) {
    const auto file =
        static_cast<int>(::syscall(SYS_openat2, fixture.handle(), name.c_str(), &how, sizeof how));
    struct stat status {};
    ::fstat(file, &status);
    benchmark::DoNotOptimize(::read(file, buffer.data(), buffer.size()));
    ::close(file);
  }
}

void policy_read(benchmark::State& state, const std::string& name) {
  Fixture fixture;
  const std::string path = fixture.path(name);
  for (auto _ : state) {
    const auto content = fixture.functions().fs_read(path);
    if (!content || content->size() != file_bytes) {
      state.SkipWithError("the read failed");
      return;
    }
  }
}

void write_bare(benchmark::State& state) {
  const Fixture fixture;
  for (auto _ : state) {
    const int file =
        ::openat(fixture.handle(), ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    benchmark::DoNotOptimize(::write(file, fixture.content().data(), fixture.content().size()));
    ::close(file);
    benchmark::DoNotOptimize(::renameat(fixture.handle(), ".new", fixture.handle(), "file"));
  }
}

void write_policy(benchmark::State& state) {
  Fixture fixture;
  const std::string path = fixture.path("file");
  for (auto _ : state) {
    if (!fixture.functions().fs_write(path, fixture.content())) {
      state.SkipWithError("the write failed");
      return;
    }
  }
}

void new_file_bare(benchmark::State& state) {
  const Fixture fixture;
  for (auto _ : state) {
    const int file =
        ::openat(fixture.handle(), ".new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    benchmark::DoNotOptimize(::write(file, fixture.content().data(), fixture.content().size()));
    ::close(file);
    benchmark::DoNotOptimize(::renameat(fixture.handle(), ".new", fixture.handle(), "new"));
    ::unlinkat(fixture.handle(), "new", 0);
  }
}

void new_file_policy(benchmark::State& state) {
  Fixture fixture;
  const std::string path = fixture.path("new");
  for (auto _ : state) {
    if (!fixture.functions().fs_write(path, fixture.content())) {
      state.SkipWithError("the write failed");
      return;
    }
    ::unlinkat(fixture.handle(), "new", 0);
  }
}

void read_bare(benchmark::State& state) { bare_read(state, "file"); }
void read_policy(benchmark::State& state) { policy_read(state, "file"); }
void read_deep_bare(benchmark::State& state) {
  bare_read(state, std::string(deep_folder) + "/file");
}
void read_deep_policy(benchmark::State& state) {
  policy_read(state, std::string(deep_folder) + "/file");
}
BENCHMARK(read_bare);
BENCHMARK(read_policy);
BENCHMARK(read_deep_bare);
BENCHMARK(read_deep_policy);
BENCHMARK(write_bare);
BENCHMARK(write_policy);
// The quota of one run is ten thousand files.
BENCHMARK(new_file_bare)->Iterations(5'000);
BENCHMARK(new_file_policy)->Iterations(5'000);

}  // namespace
}  // namespace omnisandbox
