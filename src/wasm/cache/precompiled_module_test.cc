// The module cache as a Runtime uses it: what runs is the same with and without it.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view exits_with_seven = R"((module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const 7)))))";

class CachedModules : public ::testing::Test {
 protected:
  Runtime runtime(Config config = {}) const {
    return make_runtime(std::move(config), {.module_cache = folder_.file("cache")});
  }
  CacheUse use_of(std::string_view module, Config config = {}) const {
    Runtime made = runtime(std::move(config));
    const Result result = run_guest(made, module);
    EXPECT_EQ(result.exit_code, 7) << message_of(result);
    return result.module_cache;
  }

  TestFolder folder_;
};

TEST_F(CachedModules, AreCompiledOnceForAllProcessesWithTheSameSettings) {
  EXPECT_EQ(use_of(exits_with_seven), CacheUse::miss);
  EXPECT_EQ(use_of(exits_with_seven), CacheUse::hit);
  Config metered;
  metered.fuel_limit = 1'000'000;
  EXPECT_EQ(use_of(exits_with_seven, metered), CacheUse::miss);
  EXPECT_EQ(use_of(exits_with_seven, metered), CacheUse::hit);
  EXPECT_EQ(run_guest(exits_with_seven).module_cache, CacheUse::none);
}

TEST_F(CachedModules, AreCompiledAgainWhenTheirFileIsForged) {
  EXPECT_EQ(use_of(exits_with_seven), CacheUse::miss);
  for (const auto& file : fs::directory_iterator(folder_.file("cache"))) {
    if (file.path().extension() == ".compiled") {
      std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      stream.seekp(-100, std::ios::end);
      stream << "forged";
    }
  }
  EXPECT_EQ(use_of(exits_with_seven), CacheUse::miss);
  EXPECT_EQ(use_of(exits_with_seven), CacheUse::hit);
}

TEST_F(CachedModules, KeepTheChecksThatDoNotDependOnCompiling) {
  constexpr std::string_view large = R"((module (memory 100)
    (func (export "_start"))))";
  Config roomy;
  roomy.memory_limit_mb = 64;
  Runtime first = runtime(roomy);
  EXPECT_EQ(run_guest(first, large).module_cache, CacheUse::miss);
  Config tight;
  tight.memory_limit_mb = 1;
  Runtime second = runtime(tight);
  const auto refused = second.run(bytes_of(large));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::memory);
}

TEST_F(CachedModules, DoNotHideAnImportThatIsNotOffered) {
  constexpr std::string_view foreign =
      R"((module (import "env" "system" (func)) (func (export "_start"))))";
  for (int round = 0; round < 2; ++round) {
    Runtime made = runtime();
    const auto refused = made.run(bytes_of(foreign));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
  }
}

TEST_F(CachedModules, PrecompiledBytesRunForTheSameUserOnly) {
  Runtime made = runtime();
  const auto compiled = made.precompile(bytes_of(exits_with_seven));
  ASSERT_TRUE(compiled) << compiled.error().message;
  const auto result = made.run(*compiled, RunOptions{});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->module_cache, CacheUse::hit);

  Runtime without = make_runtime();
  EXPECT_EQ(without.run(*compiled, RunOptions{}).error().kind, ErrorKind::invalid_argument);
  EXPECT_FALSE(without.precompile(bytes_of(exits_with_seven)));
  Runtime other_user = make_runtime({}, {.module_cache = folder_.file("other")});
  EXPECT_EQ(other_user.run(*compiled, RunOptions{}).error().kind, ErrorKind::invalid_argument);
  Config metered;
  metered.fuel_limit = 1'000'000;
  Runtime other_settings = runtime(metered);
  EXPECT_EQ(other_settings.run(*compiled, RunOptions{}).error().kind, ErrorKind::invalid_argument);

  for (std::size_t position : {std::size_t{0}, std::size_t{20}, compiled->size() - 1}) {
    auto forged = *compiled;
    forged[position] ^= std::byte{1};
    EXPECT_FALSE(made.run(forged, RunOptions{})) << position;
  }
}

TEST_F(CachedModules, AFullDiskIsNoFailure) {
  Runtime made = runtime();
  // A folder that nobody can write in any more: its files are gone, and new ones are refused.
  fs::remove_all(folder_.file("cache"));
  const Result result = run_guest(made, exits_with_seven);
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.module_cache, CacheUse::miss);
}

}  // namespace
}  // namespace omnisandbox::wasm
