#include "mcp/work_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace omnisandbox::mcp {
namespace {

using namespace std::chrono_literals;

std::chrono::steady_clock::time_point soon() { return std::chrono::steady_clock::now() + 30s; }

TEST(WorkThreads, RunsAsManyAtOnceAsItMay) {
  WorkThreads threads(3, 10);
  std::latch all_run(3);  // each waits for the others, so they must run at once
  for (int job = 0; job < 3; ++job) {
    ASSERT_TRUE(threads.submit([&] { all_run.arrive_and_wait(); }));
  }
  EXPECT_TRUE(threads.wait_until_idle(soon()));
}

TEST(WorkThreads, OneMoreThanMayWaitIsRefused) {
  WorkThreads threads(1, 2);
  std::latch running(1);
  std::latch go(1);
  std::atomic<int> done{0};
  ASSERT_TRUE(threads.submit([&] {
    running.count_down();
    go.wait();
    ++done;
  }));
  running.wait();
  EXPECT_TRUE(threads.submit([&] { ++done; }));
  EXPECT_TRUE(threads.submit([&] { ++done; }));
  EXPECT_FALSE(threads.submit([&] { ++done; }));
  EXPECT_FALSE(threads.wait_until_idle(std::chrono::steady_clock::now() + 10ms));
  go.count_down();
  EXPECT_TRUE(threads.wait_until_idle(soon()));
  EXPECT_EQ(done, 3);
}

TEST(WorkThreads, EndsWithWhatRunsAndDropsWhatWaits) {
  std::atomic<int> done{0};
  {
    WorkThreads threads(1, 2);
    std::latch running(1);
    ASSERT_TRUE(threads.submit([&] {
      running.count_down();
      std::this_thread::sleep_for(20ms);
      ++done;
    }));
    running.wait();
    ASSERT_TRUE(threads.submit([&] { done += 100; }));
  }
  EXPECT_EQ(done, 1);
}

}  // namespace
}  // namespace omnisandbox::mcp
