// What this process cannot have any more: threads, files, a disk with room, its workers. Each is an
// error that says so, or costs time only; nothing is left, and the next run works.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <thread>

#include "base/test_child.h"
#include "linux/test_answered_calls.h"
#include "linux/test_own_mounts.h"
#include "linux/test_scarce_descriptors.h"
#include "wasm/cache/cache_folder.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr std::string_view exits_with_seven = R"((module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $exit (i32.const 7)))))";

/// How a run failed, as an error or as a Result; empty where it ended as it should.
std::string failure_of(const Expected<Result>& result) {
  if (!result) {
    return result.error().message;
  }
  return result->exit_code == 7 ? std::string() : "failed: " + message_of(*result);
}

TEST(RuntimeScarcity, NoMoreThreadsAreSaidAndTheNextRunWorks) {
  std::optional<Runtime> runtime;
  const bool works = linux_::with_call_failing(SYS_clone3, EAGAIN, [&] {
    runtime.emplace(make_runtime());
    EXPECT_THAT(failure_of(runtime->run(bytes_of(exits_with_seven))),
                HasSubstr("Resource temporarily unavailable"));
  });
  if (!works) GTEST_SKIP() << "this kernel hands no system calls over";
  EXPECT_EQ(failure_of(runtime->run(bytes_of(exits_with_seven))), "");
}

TEST(RuntimeScarcity, NoMoreThreadsForAModuleThatIsCompiledAreSaidAndTheNextRunWorks) {
  std::optional<Runtime> runtime(make_runtime());
  ASSERT_TRUE(runtime->compile("seven", bytes_of(exits_with_seven)));
  const bool works = linux_::with_call_failing(SYS_clone3, EAGAIN, [&] {
    // A worker may stand ready for it.
    if (!tests_workers()) {
      EXPECT_THAT(failure_of(runtime->execute("seven")), HasSubstr("ulimit -u"));
    }
  });
  if (!works) GTEST_SKIP() << "this kernel hands no system calls over";
  EXPECT_EQ(failure_of(runtime->execute("seven")), "");
}

TEST(RuntimeScarcity, DescriptorsThatRunOutAnywhereAreSaidAndNothingIsLeft) {
  run_guest(exits_with_seven);  // what the engine opens once
  const auto before = linux_::open_descriptors();
  std::size_t left = 0;
  for (bool worked = false; !worked; ++left) {
    ASSERT_LT(left, 200U);
    std::string failure;
    {
      const linux_::ScarceDescriptors scarce(left);
      auto runtime = Runtime::create(Config{}, tested_isolation());
      failure =
          runtime ? failure_of(runtime->run(bytes_of(exits_with_seven))) : runtime.error().message;
    }
    worked = failure.empty();
    if (!worked) {
      EXPECT_THAT(failure, HasSubstr("Too many open files")) << left;
    }
  }
  if (tests_workers()) {
    EXPECT_GT(left, 5U);
  }
  EXPECT_EQ(linux_::open_descriptors(), before);
  EXPECT_EQ(run_guest(exits_with_seven).exit_code, 7);
}

TEST(RuntimeScarcity, AFullDiskCostsACompileAndNeverGivesAWrongModule) {
  constexpr int no_namespace = 77;
  const TestFolder folder;
  const int result = test::in_child([&folder] {
    if (!linux_::take_own_mounts() ||
        ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=16k") != 0) {
      return no_namespace;
    }
    Runtime runtime = make_runtime(Config{}, {.module_cache = folder.file("cache")});
    folder.write("ballast", std::string(std::size_t{64} * 1024, 'b'));  // as much as there is room
    for (int round = 0; round < 2; ++round) {
      const auto run = runtime.run(bytes_of(exits_with_seven));
      if (!run || run->exit_code != 7 || run->module_cache != CacheUse::miss) {
        return 1;
      }
    }
    for (const auto& file : fs::directory_iterator(folder.file("cache"))) {
      if (file.path().filename() != cache_secret_name) {
        return 2;
      }
    }
    fs::remove(folder.file("ballast"));
    if (::mount("", folder.path().c_str(), "", MS_REMOUNT, "size=4m") != 0) {
      return 3;
    }
    if (run_guest(runtime, exits_with_seven).module_cache != CacheUse::miss) {
      return 4;
    }
    const auto kept = runtime.run(bytes_of(exits_with_seven));
    return kept && kept->exit_code == 7 && kept->module_cache == CacheUse::hit ? 0 : 5;
  });
  if (result == no_namespace) {
    GTEST_SKIP() << "no user namespace to mount a small disk in: this machine gives none, or the "
                    "thread sanitizer keeps a thread of its own, beside which there is none";
  }
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace omnisandbox::wasm
