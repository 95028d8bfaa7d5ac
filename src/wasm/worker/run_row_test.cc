// Short runs that share a worker's turn: what they may see of each other, and what becomes of those
// that turn out not to be short.
#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/try.h"
#include "host_functions/host_functions_impl.h"
#include "wasm/test_support.h"
#include "wasm/worker/workers.h"

namespace omnisandbox::wasm::worker {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Prints its input of at most 100 bytes; before that, as the first letter says: "t" traps, "s"
/// sleeps for 300 ms, "d" computes without end, "r" reads a file that is not allowed.
std::string fickle_guest() {
  return R"((module
    (import "wasi_snapshot_preview1" "fd_write"
      (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read"
      (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "omnisandbox_v1" "fs_read" (func $fs_read (param i32 i32 i64 i64) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 512) "/etc/passwd")
    (func $first (param $letter i32) (result i32)
      (i32.eq (i32.load8_u (i32.const 1024)) (local.get $letter)))
    (func (export "_start")
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 100))
      (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (call $first (i32.const 116)) (then unreachable))
      (if (call $first (i32.const 115)) (then
        (i32.store (i32.const 216) (i32.const 1))
        (i64.store (i32.const 224) (i64.const 300000000))
        (drop (call $poll (i32.const 200) (i32.const 300) (i32.const 1) (i32.const 400)))))
      (if (call $first (i32.const 100)) (then (loop $on (br $on))))
      (if (call $first (i32.const 114)) (then
        (drop (call $fs_read (i32.const 512) (i32.const 11) (i64.const 0) (i64.const -1)))))
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))))";
}

/// Runs with the inputs given, sent to one worker in a row.
class Row {
 public:
  explicit Row(const std::vector<std::string>& inputs)
      : policy_(*Policy::compile(Config{})),
        workers_(*Workers::create(policy_, Guests::modules, 16 << 20, OMNISANDBOX_WORKER_PROGRAM,
                                  nullptr)) {
    const auto deadline = Clock::now() + 30s;
    const auto text = fickle_guest();
    ModuleInput guest = ModuleInput::borrow(bytes_of(text));
    code_ = *workers_->compile(guest, deadline, {});
    task_.code = code_.get();
    lease_ = std::make_unique<WorkerPool::Lease>(*workers_->borrow(deadline, {}));
    for (const std::string& input : inputs) {
      functions_.push_back(
          std::make_unique<HostFunctions>(*HostFunctions::create(policy_, {.deadline = deadline})));
      guests_.push_back(
          std::make_unique<GuestRun>(*functions_.back(), *functions_.back()->impl().context));
      guests_.back()->args = {"guest"};
      guests_.back()->stdin_data = input;
      runs_.push_back(std::make_unique<QueuedRun>(
          QueuedRun{.task = task_, .guest = *guests_.back(), .timeout = 30s}));
    }
  }
  void run(std::chrono::milliseconds time) {
    std::vector<QueuedRun*> row;
    for (const auto& run : runs_) {
      row.push_back(run.get());
    }
    lease_->worker().run_in_a_row(row, Clock::now() + time);
  }
  /// "status output" of each run; "-" for those without a result.
  std::vector<std::string> outcomes() {
    std::vector<std::string> all;
    for (std::size_t index = 0; index < runs_.size(); ++index) {
      const auto& result = runs_[index]->result;
      const std::string output = guests_[index]->stdout_capture.take();
      all.push_back(!result    ? "-" + output
                    : !*result ? result->error().message
                               : std::string(to_string((*result)->execution.ending.status)) + " " +
                                     output);
    }
    return all;
  }
  bool worker_is_usable() const { return lease_->worker().is_usable(); }

 private:
  Policy policy_;
  std::unique_ptr<Workers> workers_;
  std::shared_ptr<const ModuleCode> code_;
  Task task_;
  std::unique_ptr<WorkerPool::Lease> lease_;
  std::vector<std::unique_ptr<HostFunctions>> functions_;
  std::vector<std::unique_ptr<GuestRun>> guests_;
  std::vector<std::unique_ptr<QueuedRun>> runs_;
};

TEST(RunRow, EachRunGetsItsOwnAnswer) {
  Row row({"a", "", "ccc", "again"});
  row.run(20s);
  EXPECT_THAT(row.outcomes(), ::testing::ElementsAre("ok a", "ok ", "ok ccc", "ok again"));
  EXPECT_TRUE(row.worker_is_usable());
}

TEST(RunRow, NothingRunsBehindAFailedRun) {
  Row row({"a", "trap", "c"});
  row.run(20s);
  EXPECT_THAT(row.outcomes(), ::testing::ElementsAre("ok a", "trap ", "-"));
  EXPECT_FALSE(row.worker_is_usable());
}

TEST(RunRow, ACallOfTheHostIsNotMade) {
  Row row({"a", "read", "c"});
  row.run(20s);
  EXPECT_THAT(row.outcomes(), ::testing::ElementsAre("ok a", "-", "-"));
  EXPECT_FALSE(row.worker_is_usable());
}

TEST(RunRow, WhatTakesTooLongHasNoResult) {
  Row row({"a", "does not end", "c"});
  const auto start = Clock::now();
  row.run(500ms);
  EXPECT_LT(Clock::now() - start, 10s);
  EXPECT_THAT(row.outcomes(), ::testing::Contains("-").Times(::testing::Ge(2U)));
  EXPECT_FALSE(row.worker_is_usable());
}

TEST(RunRow, ManyThreadsGetTheirOwnAnswersWhateverOthersDo) {
  Runtime runtime = make_runtime(
      {}, {.isolation = Isolation::worker, .worker_program = OMNISANDBOX_WORKER_PROGRAM});
  ASSERT_TRUE(runtime.compile("fickle", bytes_of(fickle_guest())));
  std::atomic<int> wrong{0};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 32; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 60; ++round) {
        const std::string name = std::to_string(thread) + "." + std::to_string(round);
        const bool is_odd = round % 20 == 19;  // seldom, so that there are rows before it
        const std::string input =
            (is_odd ? std::vector{"t", "s", "r", ""}[static_cast<std::size_t>(thread % 4)] : "") +
            name;
        const auto result = runtime.execute("fickle", {}, input);
        const bool traps = input.front() == 't';
        const bool is_right =
            result && result->status == (traps ? Status::trap : Status::ok) &&
            result->stdout_data == (traps ? "" : input) &&
            // A call in a row is not made twice, once by the worker that has to stop.
            result->denials.size() == (input.front() == 'r' ? 1U : 0U);
        wrong += is_right ? 0 : 1;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST(RunRow, AStopEndsARunThatWaits) {
  Runtime runtime = make_runtime(
      {}, {.isolation = Isolation::worker, .worker_program = OMNISANDBOX_WORKER_PROGRAM});
  ASSERT_TRUE(runtime.compile("fickle", bytes_of(fickle_guest())));
  std::stop_source stop;
  std::atomic<int> cancelled{0};
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 16; ++thread) {
    threads.emplace_back([&] {
      for (;;) {
        const auto result = runtime.execute("fickle", {}, "a", stop.get_token());
        if (!result || result->status != Status::ok) {
          cancelled += result && result->status == Status::cancelled ? 1 : 0;
          return;
        }
      }
    });
  }
  std::this_thread::sleep_for(200ms);
  stop.request_stop();
  threads.clear();
  EXPECT_EQ(cancelled, 16);
  EXPECT_EQ(runtime.execute("fickle", {}, "b")->stdout_data, "b");
}

}  // namespace
}  // namespace omnisandbox::wasm::worker
