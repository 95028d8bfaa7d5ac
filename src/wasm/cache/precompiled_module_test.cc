// The module cache as a Runtime uses it: what runs is the same with and without it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "omnisandbox/module_exports.h"
#include "wasm/cache/cache_folder.h"
#include "wasm/cache/test_changed_files.h"
#include "wasm/module/module_text.h"
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
      stream.seekp(100);
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

// Who has a cache's key can make compiled code, which the engine runs as it is.
TEST_F(CachedModules, HaveAKeyThatNoPolicyOpensUnawares) {
  Config config{.capabilities = {Capability::fs_read, Capability::fs_write},
                .allowed_paths = {folder_.path()}};
  EXPECT_EQ(use_of(exits_with_seven, config), CacheUse::miss);
  const std::string key = folder_.file("cache") + "/" + std::string(cache_secret_name);
  ASSERT_TRUE(fs::exists(key));
  const auto policy = Policy::compile(config);
  ASSERT_TRUE(policy);
  EXPECT_FALSE(policy->explain(Capability::fs_read, key).allowed);
  EXPECT_FALSE(policy->explain(Capability::fs_write, key).allowed);
  EXPECT_TRUE(policy->explain(Capability::fs_read, folder_.file("other")).allowed);

  for (const PathAccess access : {PathAccess::read, PathAccess::read_write}) {
    Config opened = config;
    opened.allowed_paths.emplace_back(PathRule(key, access));
    const auto refused = Runtime::create(opened, {.module_cache = folder_.file("cache")});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
    EXPECT_TRUE(Runtime::create(opened, {}));
    EXPECT_FALSE(ModuleExports::load(*Policy::compile(opened), "module", bytes_of(exits_with_seven),
                                     {.module_cache = folder_.file("cache")}));
  }
}

TEST_F(CachedModules, OfAFileAreFoundByItsStampsAndNeverForAChangedFile) {
  if (!keeps_stamps(folder_.path())) {
    GTEST_SKIP() << "the file system of " << folder_.path() << " is not ext4, XFS or Btrfs";
  }
  std::string eight(exits_with_seven);
  eight[eight.rfind('7')] = '8';
  ByteVector binaries[2];
  ASSERT_TRUE(text_to_binary(bytes_of(exits_with_seven), binaries[0]));
  ASSERT_TRUE(text_to_binary(bytes_of(eight), binaries[1]));
  const auto content = [&](int which) {
    const auto bytes = binaries[which].bytes();
    return std::string(bytes.data(), bytes.size());
  };
  const auto exit_code_and_use = [&] {
    Runtime made = runtime();
    const auto compiled = made.compile("module", ModuleFile{.path = folder_.file("module")});
    EXPECT_TRUE(compiled) << compiled.error().message;
    const auto result = made.execute("module");
    EXPECT_TRUE(result) << result.error().message;
    return std::pair(result->exit_code, result->module_cache);
  };
  folder_.write("module", content(0));
  EXPECT_EQ(exit_code_and_use(), std::pair(7, CacheUse::miss));
  wait_until_quiet();
  const auto records = [&] {
    std::vector<std::pair<std::string, ino_t>> found;
    for (const auto& file : fs::directory_iterator(folder_.file("cache"))) {
      if (file.path().extension() == ".checked" ||
          file.path().filename().string().starts_with("module-")) {
        found.emplace_back(file.path(), inode_of(file.path()));
      }
    }
    std::sort(found.begin(), found.end());
    return found;
  };
  EXPECT_EQ(exit_code_and_use(), std::pair(7, CacheUse::hit));
  const auto known = records();
  EXPECT_EQ(known.size(), 2U);
  EXPECT_EQ(exit_code_and_use(), std::pair(7, CacheUse::hit));
  EXPECT_EQ(records(), known);
  for (const WayToChange& way : ways_to_change) {
    change_unseen(way, folder_.file("module"), content(1));
    EXPECT_EQ(exit_code_and_use().first, 8) << way.name;
    change_unseen(way, folder_.file("module"), content(0));
    EXPECT_EQ(exit_code_and_use(), std::pair(7, CacheUse::hit)) << way.name;
  }
}

TEST_F(CachedModules, AFileHasTheErrorsOfAFile) {
  Runtime made = runtime();
  const auto kind_of = [&](const ModuleFile& file) {
    const auto compiled = made.compile("module", file);
    return compiled ? ErrorKind::internal : compiled.error().kind;
  };
  EXPECT_EQ(kind_of({.path = folder_.file("absent")}), ErrorKind::not_found);
  EXPECT_EQ(kind_of({.path = folder_.path()}), ErrorKind::invalid_argument);
  folder_.write("module", "no module");
  EXPECT_EQ(kind_of({.path = folder_.file("module")}), ErrorKind::invalid_argument);
  folder_.write("module", exits_with_seven);
  EXPECT_EQ(kind_of({.path = folder_.file("module"), .sha256 = std::string(64, '0')}),
            ErrorKind::invalid_argument);
  EXPECT_TRUE(made.compile("module", ModuleFile{.path = folder_.file("module")}));
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
