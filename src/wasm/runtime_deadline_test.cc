#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/test_effort.h"
#include "base/test_sanitizer.h"
#include "base/units.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

constexpr std::string_view spinning_guest = R"((module (func (export "_start") (loop br 0))))";

// Sleeps for an hour in poll_oneoff: one clock subscription, relative, monotonic.
const std::string sleeping_guest = R"((module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256))))))";

Config with_timeout(milliseconds timeout) {
  Config config;
  config.timeout = timeout;
  return config;
}

// Far beyond the deadlines here, and far below what a guest that nobody ends would take.
constexpr seconds soon{20};

TEST(RuntimeDeadline, EndsEndlessLoopsAndSleeps) {
  Runtime runtime = make_runtime(with_timeout(milliseconds(100)));
  for (const std::string& module :
       {std::string(spinning_guest), sleeping_guest,
        std::string(R"((module (func $f (loop br 0)) (start $f)))"),
        std::string(R"((module (func (export "_initialize") (loop br 0))))"),
        // Ends each call quickly, and never the loop.
        guest(R"((memory (export "memory") 1) (func (export "_start")
          (loop (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 8))) br 0)))")}) {
    const auto started = Clock::now();
    const Result result = run_guest(runtime, module);
    EXPECT_EQ(result.status, Status::timeout) << module;
    EXPECT_GE(Clock::now() - started, milliseconds(100));
    EXPECT_LT(Clock::now() - started, soon);
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->kind, ErrorKind::timeout);
    EXPECT_EQ(result.exit_code, 124);
  }
}

TEST(RuntimeDeadline, ARunMayShortenTheTimeoutAndNotLengthenIt) {
  Runtime runtime = make_runtime(with_timeout(milliseconds(100)));
  EXPECT_EQ(run_guest(runtime, spinning_guest, {.timeout = seconds(3600)}).status, Status::timeout);
  Runtime patient = make_runtime(with_timeout(seconds(3600)));
  EXPECT_EQ(run_guest(patient, spinning_guest, {.timeout = milliseconds(50)}).status,
            Status::timeout);
  EXPECT_EQ(run_guest(patient, spinning_guest, {.timeout = milliseconds(0)}).status,
            Status::timeout);
  EXPECT_EQ(run_guest(patient, spinning_guest, {.timeout = milliseconds(-5)}).status,
            Status::timeout);
}

TEST(RuntimeDeadline, ItsNameIsTheLimitThatWasSet) {
  Runtime runtime = make_runtime(with_timeout(seconds(40)));
  // `options` for the time that the guest is to have. On a busy machine compiling it, or starting a
  // worker, may take longer than that: then nothing has run, and the message tells of no limit.
  const auto message = [&](const std::string& module, const auto& options, milliseconds& time) {
    std::string told;
    for (time = milliseconds(50); time < soon && told.find("after ") == std::string::npos;
         time *= 2) {
      const auto started = Clock::now();
      const Result result = run_guest(runtime, module, options(started, time));
      EXPECT_EQ(result.status, Status::timeout);
      EXPECT_LT(Clock::now() - started, soon);
      told = message_of(result);
    }
    time /= 2;  // of the last run
    return told;
  };
  milliseconds time{};
  for (const std::string& module : {std::string(spinning_guest), sleeping_guest}) {
    const auto message_for = [&](std::optional<milliseconds> timeout) {
      return message(
          module,
          [&](Clock::time_point started, milliseconds given) {
            return RunOptions{.timeout = timeout, .deadline = started + given};
          },
          time);
    };
    EXPECT_THAT(message_for(std::nullopt), HasSubstr("after 40 s (timeout)"));
    EXPECT_THAT(message_for(seconds(30)), HasSubstr("after 30 s (timeout)"));
    EXPECT_THAT(message_for(seconds(3600)), HasSubstr("after 40 s (timeout)"));
  }
  // A deadline is no way past the timeout.
  const std::string told = message(
      std::string(spinning_guest),
      [](Clock::time_point started, milliseconds given) {
        return RunOptions{.timeout = given, .deadline = started + seconds(3600)};
      },
      time);
  EXPECT_THAT(told, HasSubstr("after " + base::format_duration(time) + " (timeout)"));
}

TEST(RuntimeDeadline, AStopEndsLoopsAndSleeps) {
  Runtime runtime = make_runtime(with_timeout(seconds(3600)));
  for (const std::string& module : {std::string(spinning_guest), sleeping_guest}) {
    std::stop_source source;
    std::jthread stopper([&] {
      std::this_thread::sleep_for(milliseconds(50));
      source.request_stop();
    });
    const auto started = Clock::now();
    const Result result = run_guest(runtime, module, {.stop = source.get_token()});
    EXPECT_EQ(result.status, Status::cancelled);
    EXPECT_LT(Clock::now() - started, soon);
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->kind, ErrorKind::cancelled);
  }
}

TEST(RuntimeDeadline, AStopThatWasRequestedBeforeStartsNothing) {
  std::stop_source source;
  source.request_stop();
  Runtime runtime = make_runtime(with_timeout(seconds(3600)));
  EXPECT_EQ(run_guest(runtime, spinning_guest, {.stop = source.get_token()}).status,
            Status::cancelled);
}

TEST(RuntimeDeadline, OneRunsDeadlineDoesNotEndAnother) {
  Runtime runtime = make_runtime(with_timeout(seconds(3600)));
  const std::string counting_guest = R"((module (func (export "_start") (local $i i64)
    (loop $again
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $again (i64.lt_u (local.get $i) (i64.const 300000000)))))))";
  std::atomic<bool> done{false};
  std::jthread others([&] {
    while (!done) {
      EXPECT_EQ(run_guest(runtime, spinning_guest, {.timeout = milliseconds(3)}).status,
                Status::timeout);
    }
  });
  EXPECT_EQ(run_guest(runtime, counting_guest).status, Status::ok);
  done = true;
}

TEST(RuntimeDeadline, DeadlinesInAnyOrderAreMet) {
  Runtime runtime = make_runtime(with_timeout(seconds(3600)));
  ASSERT_TRUE(runtime.compile("spin", bytes_of(spinning_guest)));
  constexpr int thread_count = 16;
  std::vector<std::jthread> threads;
  threads.reserve(thread_count);
  for (int index = 0; index < thread_count; ++index) {
    threads.emplace_back([&, index] {
      const milliseconds timeout(20 + (index * 37) % 160);
      const auto started = Clock::now();
      const auto result = runtime.execute("spin", {.timeout = timeout});
      ASSERT_TRUE(result);
      EXPECT_EQ(result->status, Status::timeout);
      EXPECT_GE(Clock::now() - started, timeout);
      EXPECT_LT(Clock::now() - started, soon);
    });
  }
}

TEST(RuntimeDeadline, ARunBeyondTheNumberAllowedWaitsForItsTurn) {
  Config config = with_timeout(seconds(3600));
  config.max_concurrent_runs = 1;
  Runtime runtime = make_runtime(config);
  ASSERT_TRUE(runtime.compile("spin", bytes_of(spinning_guest)));
  std::stop_source source;
  std::jthread holder([&] {
    EXPECT_EQ(runtime.execute("spin", {}, {}, source.get_token())->status, Status::cancelled);
  });

  // Until the holder has the only place the second run gets it, or waits for a worker to start, and
  // ends at its deadline all the same.
  Result late;
  for (int attempt = 0; attempt < 400; ++attempt) {
    late = *runtime.execute("spin", {.timeout = milliseconds(50)});
    ASSERT_EQ(late.status, Status::timeout);
    if (message_of(late).find("max_concurrent_runs") != std::string::npos) {
      break;
    }
  }
  EXPECT_THAT(message_of(late), HasSubstr("max_concurrent_runs"));

  std::stop_source waiting;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(30));
    waiting.request_stop();
  });
  EXPECT_EQ(run_guest(runtime, spinning_guest, {.stop = waiting.get_token()}).status,
            Status::cancelled);

  std::jthread patient([&] {
    EXPECT_EQ(run_guest(runtime, R"((module (func (export "_start"))))").status, Status::ok);
  });
  std::this_thread::sleep_for(milliseconds(30));
  source.request_stop();
}

// One function of about 64 KiB that takes the compiler most of a minute: loops that each write to
// many variables.
std::string slow_to_compile() {
  constexpr int variables = 2'000;
  constexpr int loops = 3'500;
  std::string body = "(module (func (export \"_start\") (local";
  for (int index = 0; index < variables; ++index) {
    body += " i32";
  }
  body += ")";
  unsigned random = 1;
  const auto variable = [&] {
    random = random * 1'103'515'245u + 12'345u;
    return std::to_string((random >> 8) % variables);
  };
  for (int index = 0; index < loops; ++index) {
    body += "(loop local.get " + variable() + " local.get " + variable() + " i32.add local.tee " +
            variable() + " br_if 0)";
  }
  return body + "))";
}

TEST(RuntimeDeadline, HoldsWhileAModuleIsCompiled) {
  // Enough for a busy machine to start a process that compiles; compiling takes a minute.
  const int enough_ms = omnisandbox::test::has_shadow_memory ? 2000 : test::rounds(600, 2000);
  Runtime runtime = make_runtime(with_timeout(milliseconds(enough_ms)));
  const std::string module = slow_to_compile();
  const auto started = Clock::now();
  const Result result = run_guest(runtime, module);
  EXPECT_EQ(result.status, Status::timeout);
  EXPECT_THAT(message_of(result), HasSubstr("compiled"));
  const auto compiled = runtime.compile("slow", bytes_of(module));
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error().kind, ErrorKind::timeout);
  EXPECT_LT(Clock::now() - started, soon);

  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(run_guest(runtime, module, {.stop = source.get_token()}).status, Status::cancelled);
  // What is left behind does not keep others from compiling; they share its processors.
  Runtime patient = make_runtime(with_timeout(soon));
  EXPECT_EQ(run_guest(patient, R"((module (func (export "_start"))))", {}).status, Status::ok);
}

TEST(RuntimeDeadline, SixtyFourThreadsKeepTheirPoliciesApart) {
  constexpr int thread_count = 64;
  std::vector<std::jthread> threads;
  threads.reserve(thread_count);
  for (int index = 0; index < thread_count; ++index) {
    threads.emplace_back([index] {
      TestFolder folder;
      folder.write("mine", std::to_string(index));
      Config config;
      config.capabilities = {Capability::fs_read};
      config.allowed_paths = {PathRule(folder.path(), PathAccess::read, "/data")};
      config.memory_limit_mb = static_cast<std::uint64_t>(1 + index % 4);
      Runtime runtime = make_runtime(config);
      // Prints its own policy's file, then fills its memory to the limit.
      ASSERT_TRUE(runtime.compile("reader", bytes_of(guest(R"(
        (import "omnisandbox_v1" "fs_read" (func $fs_read (param i32 i32 i64 i64) (result i32)))
        (import "omnisandbox_v1" "result_read"
          (func $result_read (param i32 i32 i64 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "/data/mine")
        (func (export "_start")
          (i32.store (i32.const 0) (i32.const 256))
          (i32.store (i32.const 4) (call $result_read
            (call $fs_read (i32.const 64) (i32.const 10) (i64.const 0) (i64.const -1))
            (i32.const 0) (i64.const 0) (i32.const 256) (i32.const 100)))
          (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))))"))));
      for (int round = 0; round < test::rounds(3, 10); ++round) {
        const auto result = runtime.execute("reader");
        ASSERT_TRUE(result);
        EXPECT_EQ(result->status, Status::ok) << message_of(*result);
        EXPECT_EQ(result->stdout_data, std::to_string(index));
        EXPECT_EQ(result->peak_memory_bytes, config.memory_limit_mb.value() * 1024 * 1024);
      }
    });
  }
}

}  // namespace
}  // namespace omnisandbox::wasm
