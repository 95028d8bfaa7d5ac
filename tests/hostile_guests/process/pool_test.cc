// Sandboxes that stand ready: the same walls, each for one run, and nothing shared.
#include <thread>

#include "process/command_run.h"
#include "process_fixture.h"

namespace omnisandbox::process {
namespace {

class Pool : public ProcessTest {
 protected:
  void prepare(Config config, std::size_t size) {
    auto policy = Policy::compile(std::move(config));
    auto machinery = prepare_machinery({.warm_sandboxes = size});
    ASSERT_TRUE(policy && machinery);
    policy_.emplace(*std::move(policy));
    machinery_ = *std::move(machinery);
    warm_up(*policy_, *machinery_);
    fill();
  }
  void fill() {
    ASSERT_TRUE(machinery_->pool->wait_until_full(std::chrono::steady_clock::now() +
                                                  std::chrono::seconds(60)));
  }
  Expected<Result> run_in_pool(const std::string& command, std::vector<std::string> args) {
    return run_confined(*policy_, *machinery_,
                        {.command = command,
                         .args = std::move(args),
                         .deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20),
                         .run_id = "pooled"});
  }
  std::size_t ready() const { return machinery_->pool->ready(); }

  std::optional<Policy> policy_;
  std::unique_ptr<RunMachinery> machinery_;
};

TEST_F(Pool, IsFilledUsedAndRefilled) {
  prepare(config({"cat", "sh"}), 3);
  EXPECT_EQ(ready(), 3U);
  const std::size_t before = ready();
  const auto result = run_in_pool("cat", {"inside.txt"});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->stdout_data, "inside");
  fill();
  EXPECT_EQ(ready(), before);
  // Another command of the same policy has the same walls.
  EXPECT_EQ(run_in_pool("sh", {"-c", "echo $0"})->stdout_data, "sh\n");
}

TEST_F(Pool, NothingIsSharedBetweenRuns) {
  prepare(config({"sh", "cat"}), 2);
  for (int round = 0; round < 4; ++round) {
    fill();
    const auto result = run_in_pool("sh", {"-c", "cat /tmp/left; echo left > /tmp/left; echo $$"});
    ASSERT_TRUE(result);
    EXPECT_EQ(result->stdout_data, "2\n");
  }
}

TEST_F(Pool, WallsArePutUpLikeWithoutAPool) {
  prepare(config(), 1);
  for (const char* attack : {"look_around", "inherited", "system_calls", "sockets"}) {
    fill();
    ASSERT_EQ(ready(), 1U);
    const auto result = run_in_pool(hostile(), {attack});
    ASSERT_TRUE(result);
    EXPECT_THAT(result->stdout_data, testing::Not(testing::HasSubstr("ESCAPED"))) << attack;
    EXPECT_THAT(result->stdout_data, testing::HasSubstr("refused")) << attack;
  }
}

TEST_F(Pool, WhatChangedSinceIsSeen) {
  const std::string program = trusted_copy("/bin/true", "pooled");
  if (program.empty()) {
    GTEST_SKIP() << "this user cannot write beside the test program";
  }
  prepare(config({program.c_str(), "cat"}), 2);
  EXPECT_EQ(run_in_pool(program, {})->status, Status::ok);
  fill();
  // A secret that appeared after the sandboxes had been prepared.
  write("work/.env", "TOKEN=1");
  EXPECT_EQ(run_in_pool("cat", {".env"})->stdout_data, "");
  fill();
  std::ofstream(program, std::ios::app) << "changed";
  const auto changed = run_in_pool(program, {});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().kind, ErrorKind::denied);
  // A folder that was replaced.
  fill();
  std::filesystem::rename(path("work"), path("was"));
  std::filesystem::create_directory(path("work"));
  write("work/inside.txt", "another");
  const auto replaced = run_in_pool("cat", {"inside.txt"});
  ASSERT_FALSE(replaced);
  EXPECT_EQ(replaced.error().kind, ErrorKind::denied);
}

TEST_F(Pool, ManyRunsAtOnceAndNothingIsLeft) {
  const auto before = left_behind();
  prepare(config({"cat"}), 4);
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 8; ++thread) {
      threads.emplace_back([this] {
        for (int round = 0; round < 5; ++round) {
          const auto result = run_in_pool("cat", {"inside.txt"});
          ASSERT_TRUE(result) << result.error().message;
          EXPECT_EQ(result->stdout_data, "inside");
        }
      });
    }
  }
  machinery_.reset();
  policy_.reset();
  expect_nothing_left(before);
}

}  // namespace
}  // namespace omnisandbox::process
