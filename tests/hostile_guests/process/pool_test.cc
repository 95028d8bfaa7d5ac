// Sandboxes that stand ready: the same walls, each for one run, and nothing shared.
#include <sys/socket.h>

#include <thread>

#include "policy/compiled_policy.h"
#include "process/command_run.h"
#include "process/prepared_sandbox.h"
#include "process/run_plan.h"
#include "process/sandbox_pool.h"
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

// A name that gets another file loses what covered it in the sandboxes that were prepared before.
TEST_F(Pool, WhatIsHiddenStaysSoWhenItIsReplaced) {
  write("work/.env", "TOKEN=1");
  std::filesystem::create_directories(path("work/.git/hooks"));
  write("work/.git/config", "[core]");
  prepare(config({"sh", "cat"}), 2);
  const auto expect_hidden = [&](const char* change) {
    const auto result =
        run_in_pool("sh", {"-c", "cat .env; cat .git/config inside.txt; echo x > .git/config"});
    ASSERT_TRUE(result) << change << ": " << result.error().message;
    EXPECT_EQ(result->stdout_data, "[core]inside") << change;
    EXPECT_EQ(read("work/.git/config"), "[core]") << change;
    fill();
  };
  expect_hidden("none");
  for (int round = 0; round < 3; ++round) {
    write("saved", "TOKEN=2");
    std::filesystem::rename(path("saved"), path("work/.env"));
    write("saved", "[core]");
    std::filesystem::rename(path("saved"), path("work/.git/config"));
    expect_hidden("renamed over");
    for (const char* name : {"work/.env", "work/.git/config"}) {
      const std::string text = read(name);
      std::filesystem::remove(path(name));
      write(name, text);  // most likely under the same inode number
    }
    expect_hidden("removed and made anew");
  }
}

// A run's plan, and walls put up by it at another time.
class Walls : public ProcessTest {
 protected:
  void SetUp() override {
    ProcessTest::SetUp();
    std::filesystem::create_directories(path("work/a"));
    std::filesystem::create_directories(path("work/b"));
    write("work/a/.env", "TOKEN=1");
    auto policy = Policy::compile(config({"cat"}));
    auto machinery = prepare_machinery({});
    ASSERT_TRUE(policy && machinery);
    policy_.emplace(*std::move(policy));
    machinery_ = *std::move(machinery);
    judged_.emplace(*judge_job(*policy_, job_));
  }
  RunPlan plan() const {
    auto plan = make_run_plan({.policy = *policy_,
                               .judged = *judged_,
                               .job = job_,
                               .machinery = *machinery_,
                               .reach = machinery_->cgroup_reach});
    EXPECT_TRUE(plan) << plan.error().message;
    return *std::move(plan);
  }
  /// What the launcher tells first.
  Report put_up(const RunPlan& plan) const {
    auto sandbox = PreparedSandbox::start(
        machinery_->launcher, RunCgroup::create(cgroup_limits(policy_->compiled(), *judged_)),
        plan.walls, PreparedSandbox::Streams::pipes, &plan.start);
    EXPECT_TRUE(sandbox) << sandbox.error().message;
    Report report;
    const ssize_t bytes = ::recv((*sandbox)->control.get(), &report, sizeof report, MSG_WAITALL);
    EXPECT_EQ(bytes, static_cast<ssize_t>(sizeof report));
    return report;
  }

  const CommandJob job_{.command = "cat",
                        .args = {"a/.env"},
                        .deadline = std::chrono::steady_clock::time_point::max()};
  std::optional<Policy> policy_;
  std::unique_ptr<RunMachinery> machinery_;
  std::optional<JudgedCommand> judged_;
};

TEST_F(Walls, AreOtherWallsWhenWhatTheyHideIsAnotherFile) {
  const LaunchPlan before = plan().walls;
  // What a command writes beside it makes no prepared sandbox useless.
  write("work/a/new", "x");
  EXPECT_EQ(plan().walls, before);
  std::filesystem::remove(path("work/a/.env"));
  write("work/a/.env", "TOKEN=1");  // most likely under the same inode number
  EXPECT_NE(plan().walls, before);
}

// They are planned by name; by the time they are put up a name may be another file's.
TEST_F(Walls, AreNotPutUpOverWhatMovedMeanwhile) {
  EXPECT_EQ(put_up(plan()).kind, Report::Kind::prepared);
  const auto refuse = [this](const RunPlan& stale, const char* change) {
    const Report report = put_up(stale);
    EXPECT_EQ(report.kind, Report::Kind::setup_failed) << change;
    EXPECT_EQ(report.value, static_cast<std::uint32_t>(SetupCause::changed_view)) << change;
    EXPECT_EQ(report.error_number, ESTALE) << change;
  };
  const RunPlan stale = plan();
  std::filesystem::rename(path("work/a/.env"), path("work/b/.env"));
  refuse(stale, "moved");
  write("work/a/.env", "another");
  refuse(stale, "replaced");
  const RunPlan both = plan();
  EXPECT_EQ(put_up(both).kind, Report::Kind::prepared);
  std::filesystem::rename(path("work/b"), path("work/c"));
  refuse(both, "its folder moved");
  std::filesystem::rename(path("work/c"), path("work/b"));
  std::filesystem::remove(path("work/b/.env"));
  std::filesystem::create_symlink("../a/.env", path("work/b/.env"));
  refuse(both, "a link");
  EXPECT_EQ(put_up(plan()).kind, Report::Kind::prepared);
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
