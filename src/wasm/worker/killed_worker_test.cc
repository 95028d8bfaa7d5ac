// A worker process that somebody kills while it does something: only what it did fails.
#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "linux/test_scarce_descriptors.h"
#include "wasm/test_support.h"
#include "wasm/worker/test_workers.h"

namespace omnisandbox::wasm {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

void kill_workers() {
  for (const pid_t pid : workers()) {
    ::kill(pid, SIGKILL);
  }
}

constexpr std::string_view empty_guest = R"((module (func (export "_start"))))";

/// Opens "new" in the first folder that it is given, for writing, and writes five bytes.
std::string writing_guest() {
  return R"((module
    (import "wasi_snapshot_preview1" "path_open"
      (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write"
      (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "new") (data (i32.const 200) "bytes")
    (func (export "_start")
      (drop (call $open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 3) (i32.const 1)
                        (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 0)))
      (i32.store (i32.const 8) (i32.const 200))
      (i32.store (i32.const 12) (i32.const 5))
      (drop (call $fd_write (i32.load (i32.const 0)) (i32.const 8) (i32.const 1)
                            (i32.const 16))))))";
}

class KilledWorker : public ::testing::Test {
 protected:
  static RuntimeOptions in_workers(std::shared_ptr<AuditSink> audit = {}) {
    return {.isolation = Isolation::worker,
            .audit = std::move(audit),
            .worker_program = OMNISANDBOX_WORKER_PROGRAM};
  }
  /// Nothing of killed ones is left once the runtime is gone.
  void TearDown() override {
    EXPECT_EQ(linux_::open_descriptors(), descriptors_before_);
    EXPECT_TRUE(workers().empty());
  }
  static void expect_works(Runtime& runtime) {
    EXPECT_EQ(run_guest(runtime, empty_guest).status, Status::ok);
  }

  TestFolder folder_;
  const std::ptrdiff_t descriptors_before_ = linux_::open_descriptors();
};

TEST_F(KilledWorker, InTheMiddleOfAHostCallFailsItsRun) {
  Config config;
  config.capabilities = {Capability::fs_read, Capability::fs_write};
  config.allowed_paths = {folder_.path()};
  std::atomic<bool> kills = true;
  std::atomic<int> calls = 0;
  // The decision about the call is recorded while the worker waits for the call's result.
  Runtime runtime = make_runtime(config, in_workers(make_callback_audit([&](const AuditRecord& it) {
                                   if (it.event == AuditRecord::Event::decision && kills) {
                                     ++calls;
                                     kill_workers();
                                   }
                                 })));
  const Result killed = run_guest(runtime, writing_guest());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(killed.status, Status::failed);
  EXPECT_THAT(message_of(killed), HasSubstr("worker process ended unexpectedly"));
  // What was decided may have been done; nothing that comes after it.
  EXPECT_EQ(folder_.read("new"), "");
  kills = false;
  EXPECT_EQ(run_guest(runtime, writing_guest()).status, Status::ok);
  EXPECT_EQ(folder_.read("new"), "bytes");
}

TEST_F(KilledWorker, InTheMiddleOfACompileFailsIt) {
  // Long enough to be compiled for seconds.
  std::string large = "(module (func (export \"_start\"))";
  for (int function = 0; function < 400; ++function) {
    large += "(func (param i64) (result i64) (local.get 0)";
    for (int step = 0; step < 130; ++step) {
      large += "(i64.const " + std::to_string(step * function + 3) +
               ") i64.mul (i64.rotl (local.get 0) (i64.const 7)) i64.xor ";
    }
    large += ")";
  }
  large += ")";
  Runtime runtime = make_runtime({}, in_workers());
  expect_works(runtime);
  const auto standing = workers();
  std::jthread killer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      for (const pid_t pid : workers()) {
        if (!standing.contains(pid)) {
          std::this_thread::sleep_for(100ms);
          ::kill(pid, SIGKILL);
          return;
        }
      }
      std::this_thread::sleep_for(1ms);
    }
  });
  const auto killed = runtime.compile("large", bytes_of(large));
  killer.request_stop();
  killer.join();
  ASSERT_FALSE(killed) << "compiled before it was killed";
  EXPECT_THAT(killed.error().message, HasSubstr("worker process"));
  EXPECT_FALSE(runtime.execute("large"));
  ASSERT_TRUE(runtime.compile("large", bytes_of(large)));
  EXPECT_EQ(runtime.execute("large")->status, Status::ok);
}

TEST_F(KilledWorker, InTheMiddleOfItsOutputFailsItsRun) {
  Runtime runtime = make_runtime({}, in_workers());
  // Prints without an end.
  const std::string prints = guest(R"(
    (memory (export "memory") 1)
    (func (export "_start")
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 32768))
      (loop $again
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (br $again))))");
  ASSERT_TRUE(runtime.compile("prints", bytes_of(prints)));
  std::jthread killer([] {
    std::this_thread::sleep_for(300ms);
    kill_workers();
  });
  const auto result = runtime.execute("prints");
  killer.join();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, Status::failed) << message_of(*result);
  expect_works(runtime);
}

}  // namespace
}  // namespace omnisandbox::wasm
