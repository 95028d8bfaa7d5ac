// Time, memory, processes, output: every run ends, and says how.
#include <chrono>
#include <csignal>
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
  Config policy = config();
  policy.memory_limit_mb = 1024;  // so that it is the processes that are too many
  const Result result = must_run(policy, hostile(), {"fork_bomb"});
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

// Whoever takes the output may take his time; the command gets none of it.
TEST_F(Limits, ACallbackThatBlocksDoesNotKeepTheCommandAlive) {
  const auto ticks = path("work/ticks");
  const std::string writing = "echo hi; while :; do echo x >> " + ticks + "; sleep 0.05; done";
  for (const bool is_stopped : {false, true}) {
    std::stop_source stop;
    int calls = 0;
    bool has_ended = false;
    ProcessRunOptions options;
    options.stop = stop.get_token();
    options.timeout = milliseconds(is_stopped ? 60'000 : 1000);
    options.on_stdout = [&](std::string_view) {
      ++calls;
      if (is_stopped) {
        stop.request_stop();
      }
      // Until nothing is written any more.
      const auto give_up = Clock::now() + std::chrono::seconds(15);
      for (std::uintmax_t before = 0; !has_ended && Clock::now() < give_up;) {
        std::this_thread::sleep_for(milliseconds(1500));
        const std::uintmax_t now = std::filesystem::file_size(ticks);
        has_ended = now == before;
        before = now;
      }
    };
    const Result result =
        must_run(config({"sh", "sleep"}), "sh", {"-c", writing}, std::move(options));
    EXPECT_TRUE(has_ended);
    EXPECT_EQ(result.status, is_stopped ? Status::cancelled : Status::timeout);
    EXPECT_EQ(result.stdout_data, "hi\n");
    EXPECT_EQ(calls, 1);
  }
}

TEST_F(Limits, ExitCodesAndSignalsComeBack) {
  EXPECT_EQ(must_run(config({"sh"}), "sh", {"-c", "exit 7"}).exit_code, 7);
  const Result killed = must_run(config({"sh"}), "sh", {"-c", "kill -TERM $$"});
  EXPECT_EQ(killed.exit_code, 128 + SIGTERM);
  EXPECT_EQ(killed.status, Status::exited);
}

TEST_F(Limits, SignalsReachTheCommand) {
  auto sandbox = ProcessSandbox::create(config());
  auto signals = CommandSignals::create();
  ASSERT_TRUE(sandbox && signals);
  EXPECT_FALSE(signals->send(0));
  EXPECT_FALSE(signals->send(1000));
  const auto result = sandbox->run(hostile(), {"catch_signal"},
                                   {.on_stdout =
                                        [&signals](std::string_view piece) {
                                          if (piece.find("ready") != std::string_view::npos) {
                                            EXPECT_TRUE(signals->send(SIGUSR1));
                                          }
                                        },
                                    .signals = *signals});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->exit_code, 5);
  EXPECT_EQ(result->stdout_data, "ready\ncaught " + std::to_string(SIGUSR1) + "\n");
}

TEST_F(Limits, AStopLetsTheCommandTidyUpWhereItIsGivenTime) {
  for (const bool has_grace : {true, false}) {
    std::stop_source stop;
    const Result result = must_run(config(), hostile(), {"catch_signal"},
                                   {.stop = stop.get_token(),
                                    .on_stdout = [&stop](std::string_view) { stop.request_stop(); },
                                    .stop_grace = milliseconds(has_grace ? 10'000 : 0)});
    EXPECT_EQ(result.status, has_grace ? Status::exited : Status::cancelled);
    EXPECT_EQ(result.stdout_data.find("caught") != std::string::npos, has_grace);
  }
  // Whoever does not end by himself is ended.
  std::stop_source stop;
  EXPECT_EQ(must_run(config(), hostile(), {"linger", "ignore"},
                     {.stop = stop.get_token(),
                      .on_stdout = [&stop](std::string_view) { stop.request_stop(); },
                      .stop_grace = milliseconds(100)})
                .status,
            Status::cancelled);
}

TEST_F(Limits, CpuTimeOfTheWholeTreeIsLimitedAndMeasured) {
  Config policy = config();
  policy.cpu_time_limit = milliseconds(600);
  const Result result = must_run(policy, hostile(), {"burn_cpu", "8"});
  EXPECT_EQ(result.status, Status::timeout);
  EXPECT_THAT(result.error->message, HasSubstr("cpu_time_limit"));
  EXPECT_GE(result.cpu_time, milliseconds(500));
  EXPECT_LT(result.cpu_time, std::chrono::seconds(5));
}

TEST_F(Limits, PeakMemoryIsThatOfTheWholeTree) {
  Config policy = config({"sh", "head", "tail"});
  policy.memory_limit_mb = 256;
  const std::vector<char> ours(150'000'000, 'x');  // is none of the run's
  const Result small = must_run(policy, "sh", {"-c", "true"});
  const Result large = must_run(
      policy, "sh", {"-c", "head -c 50000000 /dev/zero | tail -c 50000000 | tail -c 1 >/dev/null"});
  EXPECT_EQ(large.status, Status::ok) << large.stderr_data;
  EXPECT_GT(large.peak_memory_bytes, 40'000'000U);
  EXPECT_GT(small.peak_memory_bytes, 100'000U);
  EXPECT_LT(small.peak_memory_bytes, 40'000'000U);
  EXPECT_EQ(ours.back(), 'x');
}

TEST_F(Limits, OtherRunsGoOnWhileABombGoesOff) {
  std::jthread bombs([this] {
    for (const char* bomb : {"fork_bomb", "memory_bomb"}) {
      must_run(config(), hostile(), {bomb});
    }
  });
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(must_run(config({"cat"}), "cat", {"inside.txt"}).stdout_data, "inside");
  }
}

TEST_F(Limits, ManyRunsLeaveNothingBehind) {
  auto sandbox = ProcessSandbox::create(config({"true"}));
  ASSERT_TRUE(sandbox);
  ASSERT_EQ(sandbox->run("true", {})->status, Status::ok);
  const auto before = left_behind();
  const int runs = many_runs();
  for (int index = 0; index < runs; ++index) {
    ASSERT_EQ(sandbox->run("true", {})->status, Status::ok) << index;
  }
  expect_nothing_left(before);
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
