// Guests in worker processes, as a program that embeds the Runtime sees them.
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <fstream>
#include <set>
#include <thread>

#include "base/test_effort.h"
#include "wasm/test_support.h"
#include "wasm/worker/test_workers.h"

namespace omnisandbox::wasm {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

RuntimeOptions in_workers() {
  return {.isolation = Isolation::worker, .worker_program = OMNISANDBOX_WORKER_PROGRAM};
}

Runtime worker_runtime(Config config = {}) { return make_runtime(std::move(config), in_workers()); }

/// Until the process, a child of this one, has ended; its pidfd says so before it is reaped.
void wait_for_end(pid_t pid) {
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle >= 0) {
    pollfd waited{.fd = handle, .events = POLLIN, .revents = 0};
    ::poll(&waited, 1, 10'000);
    ::close(handle);
  }
}

constexpr std::string_view sleeping_guest = R"((module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 512) (i32.const 1) (i32.const 600))))))";
constexpr std::string_view empty_guest = R"((module (func (export "_start"))))";
constexpr std::string_view trapping_guest = R"((module (func (export "_start") unreachable)))";

/// A guest that prints its stdin, after it has printed the numbers 1 and 2 are open to it.
std::string cat_guest() {
  return guest(R"(
    (memory (export "memory") 1)
    (func (export "_start")
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 32768))
      (loop $again
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
        (i32.store (i32.const 16) (i32.const 1024))
        (i32.store (i32.const 20) (i32.load (i32.const 8)))
        (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
        (br_if $again (i32.load (i32.const 8))))))");
}

TEST(WorkerRuntime, NamesTheLayersThatConfineIt) {
  Runtime runtime = worker_runtime();
  const Result result = run_guest(runtime, empty_guest);
  EXPECT_THAT(result.sandbox.layers, ::testing::IsSupersetOf({"wasm:worker", "seccomp"}));
}

// Code that is copied costs each worker its size in memory, and the time for it.
TEST(WorkerRuntime, MapsCompiledCodeFromTheFileThatAllShare) {
  const TestFolder folder;
  RuntimeOptions options = in_workers();
  options.module_cache = folder.file("cache");
  for (int round = 0; round < 2; ++round) {
    Runtime runtime = make_runtime({}, options);
    // Compiled now, then out of the cache.
    EXPECT_EQ(run_guest(runtime, empty_guest).module_cache,
              round == 0 ? CacheUse::miss : CacheUse::hit);
    int maps_read = 0;
    bool is_mapped = false;
    for (const pid_t pid : workers()) {
      std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
      for (std::string line; std::getline(maps, line);) {
        ++maps_read;
        is_mapped |= line.find(" r-xp ") != std::string::npos &&
                     (line.find("omnisandbox-code") != std::string::npos ||
                      line.find(options.module_cache) != std::string::npos);
      }
    }
    if (maps_read == 0) {
      GTEST_SKIP() << "only root may look into a worker";
    }
    EXPECT_TRUE(is_mapped) << round;
  }
}

TEST(WorkerRuntime, UsesAWorkerAgainButNeverAfterAFailedRun) {
  Runtime runtime = worker_runtime();
  ASSERT_TRUE(runtime.compile("empty", bytes_of(empty_guest)));
  ASSERT_TRUE(runtime.compile("trap", bytes_of(trapping_guest)));
  EXPECT_EQ(runtime.execute("empty")->status, Status::ok);
  for (int round = 0; round < 20; ++round) {
    EXPECT_EQ(runtime.execute("empty")->status, Status::ok);
  }
  EXPECT_LE(workers().size(), 2U);  // one, and a spare
  std::set<pid_t> before = workers();
  for (int round = 0; round < 4; ++round) {
    EXPECT_EQ(runtime.execute("trap")->status, Status::trap);
  }
  // Four have gone, and none of those that were there is left.
  EXPECT_EQ(runtime.execute("empty")->status, Status::ok);
  for (const pid_t pid : workers()) {
    EXPECT_FALSE(before.contains(pid)) << pid;
  }
}

TEST(WorkerRuntime, AKilledWorkerFailsItsRunAndNoOther) {
  Runtime runtime = worker_runtime();
  ASSERT_TRUE(runtime.compile("sleep", bytes_of(sleeping_guest)));
  ASSERT_TRUE(runtime.compile("empty", bytes_of(empty_guest)));
  for (const int signal : {SIGKILL, SIGABRT}) {
    std::jthread killer([&] {
      std::this_thread::sleep_for(300ms);
      for (const pid_t pid : workers()) {
        ::kill(pid, signal);
        wait_for_end(pid);  // a spare one among them must not be taken while it dies
      }
    });
    const auto start = Clock::now();
    const auto result = runtime.execute("sleep");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, Status::failed) << message_of(*result);
    EXPECT_LT(Clock::now() - start, 20s);
    killer.join();
    EXPECT_EQ(runtime.execute("empty")->status, Status::ok);
  }
}

TEST(WorkerRuntime, AStoppedWorkerIsEndedAtTheDeadline) {
  Config config;
  config.timeout = 1500ms;
  Runtime runtime = worker_runtime(config);
  ASSERT_TRUE(runtime.compile("sleep", bytes_of(sleeping_guest)));
  ASSERT_TRUE(runtime.compile("empty", bytes_of(empty_guest)));
  std::jthread stopper([&] {
    std::this_thread::sleep_for(300ms);
    for (const pid_t pid : workers()) {
      ::kill(pid, SIGSTOP);
    }
  });
  const auto start = Clock::now();
  const auto result = runtime.execute("sleep");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, Status::timeout) << message_of(*result);
  EXPECT_LT(Clock::now() - start, 20s);
}

TEST(WorkerRuntime, EndsItsWorkersWithIt) {
  const std::set<pid_t> before = workers();
  {
    Runtime runtime = worker_runtime();
    EXPECT_EQ(run_guest(runtime, empty_guest).status, Status::ok);
    EXPECT_GT(workers().size(), before.size());
  }
  EXPECT_EQ(workers(), before);
}

TEST(WorkerRuntime, AForkedChildIsToldToMakeItsOwnAndHarmsNobody) {
  Runtime runtime = worker_runtime();
  ASSERT_TRUE(runtime.compile("empty", bytes_of(empty_guest)));
  EXPECT_EQ(runtime.execute("empty")->status, Status::ok);
  const pid_t child = ::fork();
  if (child == 0) {
    bool refused = false;
    {
      Runtime inherited = std::move(runtime);
      const auto result = inherited.execute("empty");
      refused = !result && result.error().kind == ErrorKind::unavailable;
    }
    ::_exit(refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(runtime.execute("empty")->status, Status::ok);
}

TEST(WorkerRuntime, PassesLargeInputAndOutput) {
  Config config;
  config.max_output_bytes = 8 << 20;
  Runtime runtime = worker_runtime(config);
  std::string input(6 << 20, 'i');
  for (std::size_t index = 0; index < input.size(); index += 997) {
    input[index] = static_cast<char>('a' + index % 26);
  }
  const Result result = run_guest(runtime, cat_guest(), {.stdin_data = input});
  EXPECT_EQ(result.status, Status::ok) << message_of(result);
  EXPECT_TRUE(result.stdout_data == input);
}

TEST(WorkerRuntime, StandardStreamsKeepTheirOrderWhenAGuestMovesThem) {
  // Reads 3 bytes here, moves stdin to number 4 (which the parent does), and reads on from there;
  // moves stdout over stderr, and prints to both numbers.
  Runtime runtime = worker_runtime();
  const Result result = run_guest(runtime, R"((module
    (import "wasi_snapshot_preview1" "fd_write"
      (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read"
      (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_renumber" (func $renumber (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func $copy (param $from i32) (param $to i32)
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 3))
      (drop (call $fd_read (local.get $from) (i32.const 0) (i32.const 1) (i32.const 8)))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (drop (call $fd_write (local.get $to) (i32.const 0) (i32.const 1) (i32.const 12))))
    (func (export "_start")
      (call $copy (i32.const 0) (i32.const 1))
      (drop (call $renumber (i32.const 1) (i32.const 2)))
      (call $copy (i32.const 0) (i32.const 2))
      (call $copy (i32.const 0) (i32.const 1)))))",
                                  {.stdin_data = "abcdefghi"});
  EXPECT_EQ(result.status, Status::ok) << message_of(result);
  EXPECT_EQ(result.stdout_data, "abcdef");
  EXPECT_EQ(result.stderr_data, "");
}

TEST(WorkerRuntime, SixtyFourThreadsUnderDifferentPoliciesGetTheirOwnAnswers) {
  constexpr int count = 16;
  const int rounds = test::rounds(2, 5);
  std::vector<std::unique_ptr<TestFolder>> folders;
  std::vector<Runtime> runtimes;
  const std::string reader = R"((module
    (import "omnisandbox_v1" "fs_read" (func $fs_read (param i32 i32 i64 i64) (result i32)))
    (import "omnisandbox_v1" "result_read"
      (func $result_read (param i32 i32 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
      (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 64) "/data/mine")
    (func (export "_start")
      (i32.store (i32.const 0) (i32.const 256))
      (i32.store (i32.const 4) (call $result_read
        (call $fs_read (i32.const 64) (i32.const 10) (i64.const 0) (i64.const -1))
        (i32.const 0) (i64.const 0) (i32.const 256) (i32.const 100)))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))))";
  for (int index = 0; index < count; ++index) {
    folders.push_back(std::make_unique<TestFolder>());
    folders.back()->write("mine", "of " + std::to_string(index));
    Config config;
    config.capabilities = {Capability::fs_read};
    config.allowed_paths = {PathRule(folders.back()->path(), PathAccess::read, "/data")};
    runtimes.push_back(worker_runtime(config));
    ASSERT_TRUE(runtimes.back().compile("reader", bytes_of(reader)));
  }
  constexpr int thread_count = 64;
  std::vector<std::jthread> threads;
  threads.reserve(thread_count);
  std::atomic<int> right{0};
  for (int thread = 0; thread < thread_count; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < rounds; ++round) {
        const auto result = runtimes[static_cast<std::size_t>(thread % count)].execute("reader");
        right += result && result->stdout_data == "of " + std::to_string(thread % count) ? 1 : 0;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(right, thread_count * rounds);
}

}  // namespace
}  // namespace omnisandbox::wasm
