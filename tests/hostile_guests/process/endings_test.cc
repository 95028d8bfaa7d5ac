// What a run leaves is taken away after its Result; its processes are gone before.
#include <atomic>
#include <optional>
#include <thread>

#include "process/command_run.h"
#include "process_fixture.h"

namespace omnisandbox::process {
namespace {

using testing::HasSubstr;
using testing::Not;
using Clock = std::chrono::steady_clock;

class Endings : public ProcessTest {
 protected:
  void prepare(Config config, std::size_t warm_sandboxes) {
    auto policy = Policy::compile(std::move(config));
    auto machinery = prepare_machinery({.warm_sandboxes = warm_sandboxes});
    ASSERT_TRUE(policy && machinery);
    policy_.emplace(*std::move(policy));
    machinery_ = *std::move(machinery);
  }
  void fill() {
    warm_up(*policy_, *machinery_);
    ASSERT_TRUE(machinery_->pool->wait_until_full(Clock::now() + std::chrono::seconds(60)));
  }
  Expected<Result> run_here(const std::string& command, std::vector<std::string> args) {
    return run_confined(*policy_, *machinery_,
                        {.command = command,
                         .args = std::move(args),
                         .deadline = Clock::now() + std::chrono::seconds(20),
                         .run_id = "ending"});
  }
  /// Whether any process of this machine has `mark` in its environment. Processes that have ended
  /// have none.
  static bool runs_somewhere(const std::string& mark) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      std::ifstream file(entry.path() / "environ");
      const std::string environment{std::istreambuf_iterator<char>(file), {}};
      if (environment.find(mark) != std::string::npos) {
        return true;
      }
    }
    return false;
  }
  /// Open descriptors of this process, those of mount namespaces, and children, zombies included.
  struct Held {
    std::size_t descriptors = 0;
    std::size_t mounts = 0;
    std::size_t children = 0;
  };
  static Held held() {
    Held held;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code problem;
      ++held.descriptors;
      held.mounts += std::filesystem::read_symlink(entry, problem).string().starts_with("mnt:[");
    }
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
      std::ifstream children(entry.path() / "children");
      held.children += static_cast<std::size_t>(
          std::distance(std::istream_iterator<int>(children), std::istream_iterator<int>()));
    }
    return held;
  }

  std::optional<Policy> policy_;
  std::unique_ptr<RunMachinery> machinery_;
};

TEST_F(Endings, NoProcessOfARunIsThereWhenItsResultIs) {
  const std::string mark = "OF_AN_ENDING=" + std::to_string(::getpid());
  Config policy = config({"sleep", "sh"});
  policy.environment["OF_AN_ENDING"] = std::to_string(::getpid());
  for (const std::size_t warm_sandboxes : {0U, 1U}) {
    prepare(policy, warm_sandboxes);
    for (int round = 0; round < 10; ++round) {
      if (warm_sandboxes > 0) {
        fill();
      }
      const auto result = run_here(hostile(), {"linger", "exit"});
      EXPECT_FALSE(runs_somewhere(mark)) << round;
      ASSERT_TRUE(result) << result.error().message;
      EXPECT_EQ(result->stdout_data, "lingering\n");
    }
    // The other side: what runs is found.
    std::jthread running([this] {
      EXPECT_TRUE(run_here("sh", {"-c", "while ! test -e stop; do sleep 0.01; done"}));
    });
    for (int attempt = 0; attempt < 1000 && !runs_somewhere(mark); ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_TRUE(runs_somewhere(mark));
    write("work/stop", "");
    running.join();
    std::filesystem::remove(path("work/stop"));
  }
}

TEST_F(Endings, AllIsTakenAwayBeforeTheSandboxIsGone) {
  const Held before = held();
  prepare(config({"true"}), 2);
  fill();
  const Held ready = held();
  EXPECT_GE(ready.children, before.children + 2);
  // The mounts of each outlive their launcher, which ends sooner so.
  EXPECT_EQ(ready.mounts, before.mounts + 2);
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(run_here("true", {}));
  }
  machinery_.reset();
  policy_.reset();
  const Held after = held();
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(after.mounts, before.mounts);
  EXPECT_EQ(after.children, before.children);
}

TEST_F(Endings, SixtyFourRunsAtOnceLeaveABoundedRestThatGoesAway) {
  constexpr int run_count = 64;
  const Held before = held();
  prepare(config({"cat"}), 4);
  std::atomic<int> good = 0;
  std::atomic<std::size_t> most_waiting = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < run_count; ++thread) {
      threads.emplace_back([this, &good, &most_waiting] {
        for (int round = 0; round < 2; ++round) {
          const auto result = run_here("cat", {"inside.txt"});
          good += result && result->stdout_data == "inside" ? 1 : 0;
          const std::size_t waiting = machinery_->reaper->waiting();
          for (std::size_t most = most_waiting;
               waiting > most && !most_waiting.compare_exchange_weak(most, waiting);) {
          }
        }
      });
    }
  }
  EXPECT_EQ(good, run_count * 2);
  EXPECT_LE(most_waiting, max_waiting_sandboxes);
  machinery_.reset();
  policy_.reset();
  const Held after = held();
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(after.children, before.children);
}

TEST_F(Endings, ThePoolIsFilledAfterAShortRunAndBesideALongOne) {
  prepare(config({"true", "sh", "sleep"}), 1);
  const auto is_filled = [this] {
    return machinery_->pool->wait_until_full(Clock::now() + std::chrono::seconds(60)) &&
           machinery_->pool->ready() == 1;
  };
  const auto begin = Clock::now();
  std::atomic<bool> has_ended = false;
  std::jthread running([this, &has_ended] {
    EXPECT_TRUE(run_here("sh", {"-c", "while ! test -e stop; do sleep 0.01; done"}));
    has_ended = true;
  });
  EXPECT_TRUE(is_filled());
  EXPECT_GE(Clock::now() - begin, patience_with_runs);
  EXPECT_FALSE(has_ended);
  write("work/stop", "");
  running.join();
  ASSERT_TRUE(run_here("true", {}));
  EXPECT_TRUE(is_filled());
}

}  // namespace
}  // namespace omnisandbox::process
