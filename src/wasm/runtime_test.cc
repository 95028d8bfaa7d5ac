#include "omnisandbox/runtime.h"

#include <gmock/gmock.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "base/test_effort.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Not;

// Copies stdin to stdout, up to 4,096 bytes.
const std::string echo_guest = guest(R"(
  (memory (export "memory") 1)
  (data (i32.const 0) "\20\00\00\00\00\10\00\00")
  (func (export "_start")
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))");

std::string exit_guest(int code) {
  return guest(R"((memory (export "memory") 1) (func (export "_start") (call $exit (i32.const )" +
               std::to_string(code) + ")))");
}

constexpr std::string_view nothing_guest = R"((module (func (export "_start"))))";

TEST(Runtime, GivesStdinAndTakesStdout) {
  const Result result = run_guest(echo_guest, {}, {.stdin_data = "hello"});
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.stdout_data, "hello");
  EXPECT_EQ(result.stdout_bytes, 5u);
  EXPECT_FALSE(result.stdout_truncated);
  EXPECT_EQ(result.stderr_data, "");
  EXPECT_FALSE(result.error);
}

TEST(Runtime, ReportsWhatConfinedTheRunAndWhatItUsed) {
  const Result result = run_guest(echo_guest);
  EXPECT_EQ(result.sandbox.kind, "wasm");
  if (tests_workers()) {
    EXPECT_THAT(result.sandbox.layers,
                ::testing::IsSupersetOf(
                    {"app-permissions", "wasm:worker", "seccomp", "memory-limit", "deadline"}));
  } else {
    EXPECT_THAT(result.sandbox.layers,
                ElementsAre("app-permissions", "wasm:in-process", "memory-limit", "deadline"));
  }
  EXPECT_EQ(result.peak_memory_bytes, 65536u);
  EXPECT_GT(result.duration.count(), 0);
  EXPECT_FALSE(result.fuel_consumed);
  EXPECT_FALSE(result.run_id.empty());
}

TEST(Runtime, PassesTheExitCodeOn) {
  EXPECT_EQ(run_guest(exit_guest(0)).status, Status::ok);
  const Result result = run_guest(exit_guest(7));
  EXPECT_EQ(result.status, Status::exited);
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_FALSE(result.error);
}

// Prints the first `bytes` bytes of what `function` wrote to memory at 64.
std::string printing_guest(std::string_view sizes, std::string_view get) {
  return R"((module
    (import "wasi_snapshot_preview1" ")" +
         std::string(sizes) + R"(" (func $sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" ")" +
         std::string(get) + R"(" (func $get (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start")
      (drop (call $sizes (i32.const 0) (i32.const 4)))
      (drop (call $get (i32.const 1024) (i32.const 2048)))
      (i32.store (i32.const 8) (i32.const 2048))
      (i32.store (i32.const 12) (i32.load (i32.const 4)))
      (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16))))))";
}

TEST(Runtime, GivesArgumentsAfterTheModulesName) {
  Runtime runtime = make_runtime();
  const std::string module = printing_guest("args_sizes_get", "args_get");
  ASSERT_TRUE(runtime.compile("tool", bytes_of(module)));
  const auto result = runtime.execute("tool", {"one", "", "three"});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->stdout_data, std::string("tool\0one\0\0three\0", 16));
}

TEST(Runtime, GivesThePolicysEnvironmentAndTheRunsOnly) {
  ASSERT_EQ(setenv("OMNISANDBOX_TEST_LEAK", "secret", 1), 0);
  const std::string module = printing_guest("environ_sizes_get", "environ_get");
  Config config;
  config.environment = {{"A", "policy"}, {"B", "policy"}};
  const Result result = run_guest(module, config, {.environment = {{"B", "run"}, {"C", "run"}}});
  EXPECT_EQ(result.stdout_data, std::string("A=policy\0B=run\0C=run\0", 21));
  unsetenv("OMNISANDBOX_TEST_LEAK");
}

TEST(Runtime, RefusesInputThatAGuestCannotReceive) {
  Runtime runtime = make_runtime();
  for (const RunOptions& options :
       {RunOptions{.args = {std::string("a\0b", 3)}}, RunOptions{.environment = {{"", "x"}}},
        RunOptions{.environment = {{"A=B", "x"}}},
        RunOptions{.environment = {{"A", std::string("x\0", 2)}}}}) {
    const auto result = runtime.run(bytes_of(nothing_guest), options);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_argument);
  }
}

TEST(Runtime, RunsReactorsAndStartFunctions) {
  EXPECT_EQ(run_guest(R"((module (func (export "_initialize"))))").status, Status::ok);
  EXPECT_EQ(run_guest(R"((module (func $f) (start $f)))").status, Status::ok);
  const Result trapping = run_guest(R"((module (func $begin unreachable) (start $begin)))");
  EXPECT_EQ(trapping.status, Status::trap);
  EXPECT_THAT(message_of(trapping), HasSubstr("in begin"));
}

TEST(Runtime, SaysWhenThereIsNothingToRun) {
  Runtime runtime = make_runtime();
  const auto result = runtime.run(bytes_of(R"((module (func (export "other"))))"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::invalid_argument);
  EXPECT_THAT(result.error().message, HasSubstr("_start"));
}

TEST(Runtime, FindsNoModuleThatWasNotCompiled) {
  Runtime runtime = make_runtime();
  const auto result = runtime.execute("missing\n");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::not_found);
  EXPECT_THAT(result.error().message, Not(HasSubstr("\n")));
}

TEST(Runtime, ReplacesAModuleOfTheSameName) {
  Runtime runtime = make_runtime();
  ASSERT_TRUE(runtime.compile("tool", bytes_of(exit_guest(1))));
  ASSERT_TRUE(runtime.compile("tool", bytes_of(exit_guest(2))));
  EXPECT_EQ(runtime.execute("tool")->exit_code, 2);
  ASSERT_FALSE(runtime.compile("tool", bytes_of("(module (func")));
  EXPECT_EQ(runtime.execute("tool")->exit_code, 2);
  EXPECT_FALSE(runtime.compile("", bytes_of(nothing_guest)));
  EXPECT_FALSE(runtime.compile(std::string("a\0b", 3), bytes_of(nothing_guest)));
}

TEST(Runtime, StartsEveryRunAfresh) {
  Runtime runtime = make_runtime();
  // Exits with what it found in its memory, its grown memory, its global and its table, after
  // changing all of them.
  ASSERT_TRUE(runtime.compile("stateful", bytes_of(guest(R"(
    (memory (export "memory") 1)
    (data (i32.const 8) "\01")
    (global $g (mut i32) (i32.const 0))
    (table $t 2 funcref)
    (elem declare func $f)
    (func $f)
    (func (export "_start") (local $found i32)
      (local.set $found (i32.or (i32.or (global.get $g) (i32.load (i32.const 60000)))
                                (i32.ne (i32.load8_u (i32.const 8)) (i32.const 1))))
      (local.set $found (i32.or (local.get $found)
                                (i32.eqz (ref.is_null (table.get $t (i32.const 1))))))
      (local.set $found (i32.or (local.get $found) (i32.ne (memory.size) (i32.const 1))))
      (drop (memory.grow (i32.const 100)))
      (local.set $found (i32.or (local.get $found) (i32.load (i32.const 6000000))))
      (memory.fill (i32.const 0) (i32.const 255) (i32.const 6600000))
      (global.set $g (i32.const 1))
      (table.set $t (i32.const 1) (ref.func $f))
      (call $exit (local.get $found))))"))));
  for (int round = 0; round < 20; ++round) {
    const auto result = runtime.execute("stateful");
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, Status::ok) << "round " << round << ": " << result->exit_code;
    EXPECT_EQ(result->peak_memory_bytes, 101u * 65536u);
  }
}

TEST(Runtime, MetersFuelOnlyWhenThePolicySaysSo) {
  Config config;
  config.fuel_limit = 100'000;
  const Result ended = run_guest(R"((module (func (export "_start"))))", config);
  EXPECT_EQ(ended.status, Status::ok);
  ASSERT_TRUE(ended.fuel_consumed);
  EXPECT_GT(*ended.fuel_consumed, 0u);
  EXPECT_LT(*ended.fuel_consumed, 100u);
  EXPECT_THAT(ended.sandbox.layers, ::testing::Contains("fuel"));

  const Result spinning = run_guest(R"((module (func (export "_start") (loop br 0))))", config);
  EXPECT_EQ(spinning.status, Status::fuel_exhausted);
  EXPECT_EQ(spinning.fuel_consumed, 100'000u);
  ASSERT_TRUE(spinning.error);
  EXPECT_EQ(spinning.error->kind, ErrorKind::fuel);
}

TEST(Runtime, NamesTheFunctionsOfATrap) {
  const Result result = run_guest(R"((module
    (func $f (drop (i32.div_u (i32.const 1) (i32.const 0))))
    (func $_ZN4tool5innerEv (call $f))
    (func (export "_start") (call $_ZN4tool5innerEv))))");
  EXPECT_EQ(result.status, Status::trap);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, ErrorKind::trap);
  EXPECT_EQ(message_of(result),
            "the guest trapped: integer divide by zero; in f, called from tool::inner(), called "
            "from function 2");
}

TEST(Runtime, KeepsHostileNamesOfFunctionsOnOneLine) {
  const Result result = run_guest(
      "(module (func $f (@name \"evil\\n\\1b[31m\\e2\\80\\ae\") unreachable)"
      " (func (export \"_start\") (call $f)))");
  EXPECT_EQ(result.status, Status::trap);
  EXPECT_THAT(message_of(result), HasSubstr("evil\\n\\x1b[31m\\u{202e}"));
  EXPECT_THAT(message_of(result), Each(Not(Eq('\n'))));
}

std::vector<AuditRecord> run_audited(std::string_view module, Config config) {
  std::vector<AuditRecord> records;
  Runtime runtime =
      make_runtime(std::move(config), {.audit = make_callback_audit([&](const AuditRecord& record) {
                                         records.push_back(record);
                                       })});
  run_guest(runtime, module);
  return records;
}

TEST(Runtime, RecordsTheOutcomeOfEveryRun) {
  const auto records = run_audited(exit_guest(3), {});
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].event, AuditRecord::Event::outcome);
  EXPECT_EQ(records[0].sandbox, "wasm");
  EXPECT_EQ(records[0].status, Status::exited);
  EXPECT_EQ(records[0].exit_code, 3);
  EXPECT_EQ(records[0].peak_memory_bytes, 65536u);
  EXPECT_FALSE(records[0].run_id.empty());
  EXPECT_EQ(run_audited(R"((module (func (export "_start") unreachable)))", {})[0].status,
            Status::trap);
}

class BrokenAudit final : public AuditSink {
 public:
  Expected<void> write(const AuditRecord&) override {
    return Error{.kind = ErrorKind::io, .message = "disk full", .resource = {}};
  }
};

TEST(Runtime, RefusesToWorkWithoutTheAuditThatThePolicyDemands) {
  Config config;
  config.audit_required = true;
  EXPECT_FALSE(Runtime::create(config));
  Runtime runtime = make_runtime(config, {.audit = std::make_shared<BrokenAudit>()});
  const Result result = run_guest(runtime, nothing_guest);
  EXPECT_EQ(result.status, Status::failed);
  EXPECT_THAT(message_of(result), HasSubstr("disk full"));

  config.audit_required = false;
  Runtime lenient = make_runtime(config, {.audit = std::make_shared<BrokenAudit>()});
  EXPECT_EQ(run_guest(lenient, nothing_guest).status, Status::ok);
}

TEST(Runtime, CompilesReplacesAndExecutesFromManyThreads) {
  Runtime runtime = make_runtime();
  ASSERT_TRUE(runtime.compile("tool", bytes_of(exit_guest(1))));
  std::atomic<bool> done{false};
  std::thread replacer([&] {
    for (int round = 0; round < test::rounds(8, 50); ++round) {
      EXPECT_TRUE(runtime.compile("tool", bytes_of(exit_guest(1 + round % 3))));
    }
    done = true;
  });
  constexpr int runner_count = 8;
  std::vector<std::thread> runners;
  runners.reserve(runner_count);
  std::atomic<int> runs{0};
  for (int index = 0; index < runner_count; ++index) {
    runners.emplace_back([&] {
      do {
        const auto result = runtime.execute("tool");
        ASSERT_TRUE(result);
        EXPECT_EQ(result->status, Status::exited);
        EXPECT_THAT(result->exit_code, ::testing::AllOf(::testing::Ge(1), ::testing::Le(3)));
        ++runs;
      } while (!done);
    });
  }
  replacer.join();
  for (std::thread& runner : runners) {
    runner.join();
  }
  EXPECT_GE(runs, 8);
}

TEST(Runtime, ExistsAThousandTimesInOneProcess) {
  std::vector<Runtime> runtimes;
  for (std::uint64_t index = 0; index < 1'000; ++index) {
    Config config;
    config.memory_limit_mb = 1 + index % 32;
    config.fuel_limit = index % 2 == 0 ? std::optional<std::uint64_t>() : 1'000;
    runtimes.push_back(make_runtime(config));
  }
  for (std::size_t index = 0; index < runtimes.size(); index += 97) {
    EXPECT_EQ(run_guest(runtimes[index], exit_guest(5)).exit_code, 5);
  }
}

}  // namespace
}  // namespace omnisandbox::wasm
