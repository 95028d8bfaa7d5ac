#include <gmock/gmock.h>
#include <pthread.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/test_effort.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string repeated(int times, const std::string& text) {
  std::string result;
  for (int index = 0; index < times; ++index) {
    result += text;
  }
  return result;
}

Error compile_error(std::string_view module, Config config = {}) {
  Runtime runtime = make_runtime(std::move(config));
  auto compiled = runtime.compile("module", bytes_of(module));
  if (compiled) {
    ADD_FAILURE() << "the module compiled";
    return {};
  }
  return std::move(compiled).error();
}

// ---- Memory ----

TEST(RuntimeLimits, AGuestMayUseAllOfItsMemoryLimit) {
  Config config;
  config.memory_limit_mb = 4;
  const Result result = run_guest(guest(R"((memory (export "memory") 1)
    (func (export "_start")
      (if (i32.eq (memory.grow (i32.const 63)) (i32.const -1)) (then (call $exit (i32.const 1))))
      (i32.store (i32.const 4194300) (i32.const 1))))"),
                                  config);
  EXPECT_EQ(result.status, Status::ok) << message_of(result);
  EXPECT_EQ(result.peak_memory_bytes, 4u * 1024 * 1024);
}

TEST(RuntimeLimits, AGrowthBeyondTheLimitIsRefusedAndVisible) {
  Config config;
  config.memory_limit_mb = 4;
  // 0: the refusal was seen as -1, and the guest went on.
  const Result result = run_guest(guest(R"((memory (export "memory") 1)
    (func (export "_start")
      (call $exit (i32.ne (memory.grow (i32.const 64)) (i32.const -1)))))"),
                                  config);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.peak_memory_bytes, 65536u);
}

TEST(RuntimeLimits, GrowingToFourGigabytesIsRefused) {
  for (const char* pages : {"65535", "65536", "-1", "2147483647"}) {
    const Result result = run_guest(guest(R"((memory (export "memory") 1)
      (func (export "_start")
        (call $exit (i32.ne (memory.grow (i32.const )" +
                                          std::string(pages) + ")) (i32.const -1))))"));
    EXPECT_EQ(result.status, Status::ok) << pages;
    EXPECT_EQ(result.peak_memory_bytes, 65536u) << pages;
  }
}

TEST(RuntimeLimits, FailingAfterARefusedGrowthIsReportedAsTheMemoryLimit) {
  const std::string grow_then = R"((memory (export "memory") 1)
    (func $abort unreachable)
    (func (export "_start") (drop (memory.grow (i32.const 1000))) )";
  const Result trapped = run_guest(guest(grow_then + "(call $abort))"));
  EXPECT_EQ(trapped.status, Status::memory_limit);
  ASSERT_TRUE(trapped.error);
  EXPECT_EQ(trapped.error->kind, ErrorKind::memory);
  EXPECT_THAT(trapped.error->message, HasSubstr("memory_limit_mb"));
  EXPECT_THAT(trapped.error->message, HasSubstr("abort"));

  const Result exited = run_guest(guest(grow_then + "(call $exit (i32.const 1)))"));
  EXPECT_EQ(exited.status, Status::memory_limit);
  EXPECT_EQ(exited.exit_code, 1);

  const Result went_on = run_guest(guest(grow_then + ")"));
  EXPECT_EQ(went_on.status, Status::ok);

  const Result trapped_without =
      run_guest(R"((module (memory 1) (func (export "_start") unreachable)))");
  EXPECT_EQ(trapped_without.status, Status::trap);
}

TEST(RuntimeLimits, AModulesOwnMaximumIsNotTheLimitsDoing) {
  const Result result = run_guest(R"((module (memory 1 2)
    (func (export "_start") (drop (memory.grow (i32.const 5))) unreachable)))");
  EXPECT_EQ(result.status, Status::trap);
}

TEST(RuntimeLimits, AllMemoriesTogetherStayWithinTheLimit) {
  Config config;
  config.memory_limit_mb = 4;  // 64 pages
  // Grows two memories page by page, in turn, until one is refused; exits with the pages that it
  // got.
  const Result result = run_guest(guest(R"((memory $a (export "memory") 1) (memory $b 1)
    (func (export "_start")
      (loop $again
        (br_if $again (i32.and
          (i32.ne (memory.grow $a (i32.const 1)) (i32.const -1))
          (i32.ne (memory.grow $b (i32.const 1)) (i32.const -1)))))
      (call $exit (i32.sub (i32.add (memory.size $a) (memory.size $b)) (i32.const 64)))))"),
                                  config);
  EXPECT_EQ(result.status, Status::ok) << result.exit_code;
  EXPECT_EQ(result.peak_memory_bytes, 4u * 1024 * 1024);
}

TEST(RuntimeLimits, AModuleThatCannotStartSaysWhatItNeeds) {
  const Error one = compile_error("(module (memory 512))");
  EXPECT_EQ(one.kind, ErrorKind::memory);
  EXPECT_EQ(
      one.message,
      "the module needs 32 MiB of memory at least; memory_limit_mb is 16: set memory_limit_mb: 32");
  const Error several = compile_error("(module (memory 200) (memory 100))");
  EXPECT_EQ(several.kind, ErrorKind::memory);
  EXPECT_THAT(several.message, HasSubstr("set memory_limit_mb: 19"));

  Config enough;
  enough.memory_limit_mb = 32;
  EXPECT_EQ(
      run_guest(R"((module (memory 512) (func (export "_start"))))", enough).peak_memory_bytes,
      32u * 1024 * 1024);
}

TEST(RuntimeLimits, AManyGigabyteLimitWorks) {
  Config config;
  config.memory_limit_mb = 8 * 1024;
  const Result result = run_guest(guest(R"((memory $a (export "memory") 1) (memory $b 1)
    (func (export "_start")
      (call $exit (i32.or (i32.eq (memory.grow $a (i32.const 65535)) (i32.const -1))
                          (i32.eq (memory.grow $b (i32.const 65535)) (i32.const -1))))))"),
                                  config);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.peak_memory_bytes, 8ull * 1024 * 1024 * 1024);
}

// ---- Numbers of things ----

TEST(RuntimeLimits, TenThousandMemoriesOrTablesAreRefused) {
  EXPECT_THAT(compile_error("(module" + repeated(10'000, "(memory 0)") + ")").message,
              HasSubstr("10000 memories"));
  EXPECT_THAT(compile_error("(module" + repeated(10'000, "(table 0 funcref)") + ")").message,
              HasSubstr("10000 tables"));
  EXPECT_EQ(run_guest("(module" + repeated(8, "(memory 1) (table 1 funcref)") +
                      "(func (export \"_start\")))")
                .status,
            Status::ok);
}

TEST(RuntimeLimits, TablesAreBoundedTogether) {
  EXPECT_EQ(compile_error("(module (table 100000000 funcref))").kind, ErrorKind::invalid_argument);
  // Eight tables of 100,000 pass one by one, and not together.
  Runtime runtime = make_runtime();
  const Result together = run_guest(
      runtime, "(module" + repeated(8, "(table 100000 funcref)") + "(func (export \"_start\")))");
  EXPECT_EQ(together.status, Status::failed);
  const Result growing = run_guest(guest(R"((memory (export "memory") 1) (table $t 0 funcref)
    (func (export "_start")
      (call $exit (i32.ne (table.grow $t (ref.null func) (i32.const 100000000)) (i32.const -1)))))"));
  EXPECT_EQ(growing.status, Status::ok);
}

TEST(RuntimeLimits, HugeDataSegmentsAreBounded) {
  // More initial data than memory: the last byte does not fit.
  const Result outside =
      run_guest(R"((module (memory 1) (data (i32.const 65535) "ab") (func (export "_start"))))");
  EXPECT_EQ(outside.status, Status::trap);
  const std::string large(20 * 1024 * 1024, 'x');
  const Error text = compile_error("(module (memory 1) (data \"" + large + "\"))");
  EXPECT_EQ(text.kind, ErrorKind::too_large);
}

TEST(RuntimeLimits, ModulesBeyondTheSizeLimitAreRefusedUnread) {
  std::string binary("\0asm\1\0\0\0", 8);
  binary.resize(200 * 1024 * 1024);
  const Error error = compile_error(binary);
  EXPECT_EQ(error.kind, ErrorKind::too_large);
  EXPECT_THAT(error.message, HasSubstr("200 MiB"));
}

TEST(RuntimeLimits, OneHugeFunctionIsRefused) {
  const Error error = compile_error("(module (func" +
                                    repeated(90'000, " i64.const 0x7fffffffffffffff drop") + "))");
  EXPECT_EQ(error.kind, ErrorKind::too_large);
  EXPECT_THAT(error.message, StartsWith("a function of the module"));
}

TEST(RuntimeLimits, DeeplyNestedTextDoesNotOverflowTheStack) {
  const int blocks = test::rounds(100'000, 200'000);  // 80 bytes of stack each would be too many
  for (const std::string& module :
       {"(module (func " + repeated(400'000, "(block ") + repeated(400'000, ")") + "))",
        repeated(1'000'000, "("),
        "(module (func " + repeated(blocks, "block ") + repeated(blocks, "end ") + "))"}) {
    const auto result = make_runtime().compile("deep", bytes_of(module));
    if (!result) {
      EXPECT_TRUE(result.error().kind == ErrorKind::invalid_argument ||
                  result.error().kind == ErrorKind::too_large)
          << result.error().message;
    }
  }
}

// ---- Stack ----

constexpr std::string_view recursing_guest = R"((module
  (func $recurse (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
  (func (export "_start") (drop (call $recurse (i32.const 0))))))";

TEST(RuntimeLimits, DeepRecursionIsATrapWithItsName) {
  const Result result = run_guest(recursing_guest);
  EXPECT_EQ(result.status, Status::trap);
  EXPECT_THAT(message_of(result), HasSubstr("call stack exhausted; in recurse"));
}

// Calls `function` on a thread with a stack of `bytes`.
void on_small_stack(std::size_t bytes, std::function<void()> function) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, bytes), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, &attributes,
                [](void* argument) -> void* {
                  (*static_cast<std::function<void()>*>(argument))();
                  return nullptr;
                },
                &function),
            0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
}

TEST(RuntimeLimits, DeepRecursionIsContainedOnThreadsWithSmallStacks) {
  Runtime runtime = make_runtime();
  ASSERT_TRUE(runtime.compile("deep", bytes_of(recursing_guest)));
  for (const std::size_t bytes : {128u * 1024, 512u * 1024, 700u * 1024, 1024u * 1024}) {
    on_small_stack(bytes, [&] {
      const auto result = runtime.execute("deep");
      ASSERT_TRUE(result);
      EXPECT_EQ(result->status, Status::trap);
      EXPECT_THAT(message_of(*result), HasSubstr("call stack exhausted"));
      EXPECT_TRUE(runtime.compile("again", bytes_of(recursing_guest)));
    });
  }
}

TEST(RuntimeLimits, HostCallsAtTheEndOfTheGuestsStackAreSafe) {
  // Calls the host at every depth, so also with the least stack left.
  const Result result = run_guest(guest(R"((memory (export "memory") 1)
    (data (i32.const 0) "\20\00\00\00\01\00\00\00")
    (func $recurse
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (call $recurse))
    (func (export "_start") (call $recurse)))"));
  EXPECT_EQ(result.status, Status::trap);
  EXPECT_GT(result.stdout_bytes, 1'000u);
}

// ---- Output ----

TEST(RuntimeLimits, EndlessOutputIsCountedAndBounded) {
  Config config;
  config.max_output_bytes = 1000;
  // Writes 64 MiB to stdout and one byte to stderr.
  const Result result = run_guest(guest(R"((memory (export "memory") 20)
    (data (i32.const 0) "\20\00\00\00\00\00\10\00\20\00\00\00\01\00\00\00")
    (func (export "_start") (local $i i32)
      (loop $again
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $i) (i32.const 64))))
      (drop (call $fd_write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 16)))))"),
                                  config);
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.stdout_data.size(), 1000u);
  EXPECT_EQ(result.stdout_bytes, 64u * 1024 * 1024);
  EXPECT_TRUE(result.stdout_truncated);
  EXPECT_EQ(result.stderr_bytes, 1u);
  EXPECT_FALSE(result.stderr_truncated);
}

}  // namespace
}  // namespace omnisandbox::wasm
