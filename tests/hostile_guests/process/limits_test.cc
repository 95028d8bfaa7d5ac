// Time, memory, processes, output: every run ends, and says how.
#include <dirent.h>

#include <chrono>
#include <set>
#include <thread>

#include "process_fixture.h"

namespace omnisandbox {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

using Limits = ProcessTest;

// The bar is 100 ms; a machine that builds at the same time needs room.
constexpr milliseconds grace{1000};

TEST_F(Limits, AnEndedCommandEndsItsRunWhoeverHoldsThePipe) {
  const auto start = Clock::now();
  const Result result = must_run(config(), hostile(), {"linger", "exit"});
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.stdout_data, "lingering\n");
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(10));
}

TEST_F(Limits, TheDeadlineEndsTheWholeTree) {
  for (const char* how : {"ignore", "stop"}) {
    const auto start = Clock::now();
    const Result result =
        must_run(config(), hostile(), {"linger", how}, {.timeout = milliseconds(500)});
    EXPECT_EQ(result.status, Status::timeout) << how;
    EXPECT_EQ(result.stdout_data, "lingering\n");
    ASSERT_TRUE(result.error);
    EXPECT_EQ(result.error->kind, ErrorKind::timeout);
    EXPECT_LT(Clock::now() - start, milliseconds(500) + grace) << how;
  }
}

TEST_F(Limits, AStopEndsARun) {
  std::stop_source stop;
  std::jthread stopper([&stop] {
    std::this_thread::sleep_for(milliseconds(300));
    stop.request_stop();
  });
  const Result result =
      must_run(config(), hostile(), {"linger", "ignore"}, {.stop = stop.get_token()});
  EXPECT_EQ(result.status, Status::cancelled);
}

TEST_F(Limits, AForkBombIsReportedAsWhatItIs) {
  const Result result = must_run(config(), hostile(), {"fork_bomb"});
  EXPECT_EQ(result.status, Status::process_limit);
  EXPECT_THAT(result.error->message, HasSubstr("max_processes"));
}

TEST_F(Limits, AMemoryBombOfManyProcessesIsReportedAsWhatItIs) {
  const Result result = must_run(config(), hostile(), {"memory_bomb"});
  EXPECT_EQ(result.status, Status::memory_limit);
  EXPECT_THAT(result.error->message, HasSubstr("memory_limit_mb"));
}

TEST_F(Limits, OpenFilesAreLimited) {
  Config policy = config();
  policy.max_open_files = 50;
  EXPECT_EQ(must_run(policy, hostile(), {"open_files"}).stdout_data, "opened 47\n");
}

TEST_F(Limits, OutputIsDrainedCountedAndBounded) {
  Config policy = config();
  policy.max_output_bytes = 1000;
  const Result result = must_run(policy, hostile(), {"flood", "100000000"});
  EXPECT_EQ(result.status, Status::ok);
  EXPECT_EQ(result.stdout_bytes, 100'000'000U);
  EXPECT_EQ(result.stdout_data.size(), 1000U);
  EXPECT_TRUE(result.stdout_truncated);
}

TEST_F(Limits, StdinArrivesWholeOrIsNeverRead) {
  const std::string big(3'000'000, 'x');
  EXPECT_EQ(must_run(config({"wc"}), "wc", {"-c"}, {.stdin_data = big}).stdout_data, "3000000\n");
  EXPECT_EQ(must_run(config({"true"}), "true", {}, {.stdin_data = big}).status, Status::ok);
  EXPECT_EQ(must_run(config({"wc"}), "wc", {"-c"}).stdout_data, "0\n");
}

TEST_F(Limits, OutputStreamsWhileTheCommandRuns) {
  std::string streamed;
  const Result result =
      must_run(config({"sh"}), "sh", {"-c", "echo one; echo two >&2"},
               {.on_stdout = [&streamed](std::string_view piece) { streamed += piece; }});
  EXPECT_EQ(streamed, "one\n");
  EXPECT_EQ(result.stderr_data, "two\n");
}

TEST_F(Limits, ExitCodesAndSignalsComeBack) {
  EXPECT_EQ(must_run(config({"sh"}), "sh", {"-c", "exit 7"}).exit_code, 7);
  const Result killed = must_run(config({"sh"}), "sh", {"-c", "kill -TERM $$"});
  EXPECT_EQ(killed.exit_code, 128 + SIGTERM);
  EXPECT_EQ(killed.status, Status::exited);
}

std::set<std::string> children_and_files() {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code problem;
    found.insert("fd " + std::filesystem::read_symlink(entry, problem).string());
  }
  std::stringstream children;
  children << std::ifstream("/proc/thread-self/children").rdbuf();
  found.insert("children " + children.str());
  std::stringstream mounts;
  mounts << std::ifstream("/proc/self/mountinfo").rdbuf();
  found.insert("mounts " + mounts.str());
  return found;
}

TEST_F(Limits, ManyRunsLeaveNothingBehind) {
  auto sandbox = ProcessSandbox::create(config({"true"}));
  ASSERT_TRUE(sandbox);
  ASSERT_EQ(sandbox->run("true", {})->status, Status::ok);
  const auto before = children_and_files();
  for (int index = 0; index < 200; ++index) {
    ASSERT_EQ(sandbox->run("true", {})->status, Status::ok) << index;
  }
  EXPECT_EQ(children_and_files(), before);
}

TEST_F(Limits, RunsAtOnceDoNotDisturbEachOther) {
  auto sandbox = ProcessSandbox::create(config({"sh", "cat"}));
  ASSERT_TRUE(sandbox);
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&sandbox, thread] {
      for (int round = 0; round < 5; ++round) {
        const std::string text = std::to_string(thread * 100 + round);
        const auto result = sandbox->run("cat", {}, text);
        ASSERT_TRUE(result);
        EXPECT_EQ(result->stdout_data, text);
      }
    });
  }
}

}  // namespace
}  // namespace omnisandbox
