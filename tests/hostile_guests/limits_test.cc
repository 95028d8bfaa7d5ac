#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "base/test_effort.h"
#include "guest_fixture.h"

namespace omnisandbox::hostile {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

// Far above what a busy machine adds, far below what the guests would take.
constexpr seconds soon(10);

class HostileLimits : public HostileGuest {};

TEST_F(HostileLimits, TheDeadlineEndsEveryGuest) {
  Config config;
  config.timeout = milliseconds(300);
  Runtime runtime = runtime_for(config);
  for (const char* guest : {"endless_loop", "endless_start_function", "endless_initialize",
                            "endless_sleep", "endless_short_sleeps"}) {
    const Result result = run_guest(runtime, guest);
    EXPECT_EQ(result.status, Status::timeout) << guest << ": " << describe(result);
    EXPECT_EQ(result.stdout_data, "") << guest;
    EXPECT_GE(result.duration, milliseconds(250)) << guest << " ended before its time";
    EXPECT_LT(result.duration, soon) << guest;
  }
}

TEST_F(HostileLimits, TheDeadlineEndsAGuestThatKeepsCallingTheHost) {
  Config config;
  config.timeout = milliseconds(test::rounds(400, 1500));
  config.max_host_calls = 1'000'000'000;
  Runtime runtime = runtime_for(config);
  const Result result = run_guest(runtime, "endless_host_calls");
  EXPECT_EQ(result.status, Status::timeout) << describe(result);
  EXPECT_LT(result.duration, soon);
  EXPECT_GT(result.denial_count, 0U);
  EXPECT_LE(result.denials.size(), max_reported_denials);
}

TEST_F(HostileLimits, AStopEndsAGuestLongBeforeItsDeadline) {
  Config config;
  config.timeout = seconds(600);
  Runtime runtime = runtime_for(config);
  for (const char* guest : {"endless_loop", "endless_sleep"}) {
    std::stop_source source;
    std::jthread stopper([&] {
      std::this_thread::sleep_for(milliseconds(200));
      source.request_stop();
    });
    RunOptions options;
    options.stop = source.get_token();
    const Result result = run_guest(runtime, guest, {}, std::move(options));
    EXPECT_EQ(result.status, Status::cancelled) << guest << ": " << describe(result);
    EXPECT_LT(result.duration, soon) << guest;
  }
}

TEST_F(HostileLimits, ARunCanShortenItsDeadlineAndNotLengthenIt) {
  Config config;
  config.timeout = milliseconds(300);
  Runtime runtime = runtime_for(config);
  RunOptions options;
  options.timeout = std::chrono::hours(1);
  const Result result = run_guest(runtime, "endless_loop", {}, std::move(options));
  EXPECT_EQ(result.status, Status::timeout);
  EXPECT_LT(result.duration, soon);
}

TEST_F(HostileLimits, FuelEndsAnEndlessLoop) {
  Config config;
  config.fuel_limit = 1'000'000;
  Runtime runtime = runtime_for(config);
  const Result endless = run_guest(runtime, "endless_loop");
  EXPECT_EQ(endless.status, Status::fuel_exhausted) << describe(endless);
  const Result honest = run_guest(runtime, "exit_code", {"0"});
  EXPECT_EQ(honest.status, Status::ok) << describe(honest);
  ASSERT_TRUE(honest.fuel_consumed.has_value());
  EXPECT_GT(*honest.fuel_consumed, 0U);
  EXPECT_LT(*honest.fuel_consumed, 1'000'000U);
}

TEST_F(HostileLimits, HostCallsAreCounted) {
  Config config = files_config();
  config.max_host_calls = 500;
  Runtime runtime = runtime_for(config);
  const Result result = run_guest(runtime, "endless_host_calls", {allowed() + "/note.txt"});
  EXPECT_EQ(result.status, Status::ok) << describe(result);
  EXPECT_EQ(result.stdout_data, "501\n");
}

TEST_F(HostileLimits, DeepRecursionIsATrap) {
  Runtime runtime = runtime_for(Config{});
  const Result result = run_guest(runtime, "deep_recursion");
  EXPECT_EQ(result.status, Status::trap) << describe(result);
  EXPECT_THAT(result.error->message, HasSubstr("stack"));
}

TEST_F(HostileLimits, MemoryIsBoundedHoweverItIsTaken) {
  Config config;
  config.memory_limit_mb = 8;
  Runtime runtime = runtime_for(config);
  const Result bomb = run_guest(runtime, "memory_bomb");
  EXPECT_EQ(bomb.status, Status::memory_limit) << describe(bomb);
  const int got = std::atoi(bomb.stdout_data.c_str());
  EXPECT_GE(got, 4) << "what is within the limit must be given";
  EXPECT_LE(got, 8);
  const Result grower = run_guest(runtime, "memory_grower");
  EXPECT_EQ(grower.status, Status::memory_limit) << describe(grower);
  for (const Result& result : {bomb, grower}) {
    EXPECT_GT(result.peak_memory_bytes, 4U << 20);
    EXPECT_LE(result.peak_memory_bytes, 8U << 20);
  }
  const Result at_once = run_guest(runtime, "memory_grower_at_once");
  EXPECT_EQ(at_once.status, Status::ok) << describe(at_once);
  EXPECT_LE(at_once.peak_memory_bytes, 8U << 20);
}

TEST_F(HostileLimits, SeveralMemoriesShareOneLimit) {
  Runtime runtime = runtime_for(Config{});  // 16 MiB
  const std::string module = guest_bytes("several_memories");
  auto result = runtime.run(bytes_of(module), RunOptions{});
  if (!result) {
    // A build whose engine has no multi-memory refuses the module as a whole: as safe.
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_argument) << result.error().message;
    return;
  }
  EXPECT_NE(result->status, Status::timeout) << "a memory was given beyond the limit";
  EXPECT_LE(result->peak_memory_bytes, 16U << 20) << describe(*result);
}

TEST_F(HostileLimits, TablesAreBounded) {
  Runtime runtime = runtime_for(Config{});
  const Result result = run_guest(runtime, "table_grower");
  EXPECT_NE(result.status, Status::trap) << describe(result);
  EXPECT_NE(result.status, Status::failed) << describe(result);
}

TEST_F(HostileLimits, OutputIsCountedAndCut) {
  Config config;
  config.max_output_bytes = 10'000;
  Runtime runtime = runtime_for(config);
  const Result result = run_guest(runtime, "output_flood");
  EXPECT_EQ(result.status, Status::ok) << describe(result);
  EXPECT_EQ(result.stdout_data.size(), 10'000U);
  EXPECT_EQ(result.stderr_data.size(), 10'000U);
  EXPECT_TRUE(result.stdout_truncated && result.stderr_truncated);
  EXPECT_EQ(result.stdout_bytes, 64U << 20);
  EXPECT_EQ(result.stderr_bytes, 64U << 20);
}

}  // namespace
}  // namespace omnisandbox::hostile
