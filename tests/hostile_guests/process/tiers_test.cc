// Machines that cannot give everything: weaker and saying so, or refused; never silently.
#include <sched.h>
#include <seccomp.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "linux/thread_sanitizer.h"
#include "process/command_run.h"
#include "process_fixture.h"

namespace omnisandbox::process {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Tiers : public ProcessTest {
 protected:
  /// As on a machine without user namespaces.
  Expected<Result> run_weaker(const Config& config, const std::string& command,
                              std::vector<std::string> args) {
    auto policy = Policy::compile(config);
    auto machinery = prepare_machinery({});
    EXPECT_TRUE(policy && machinery);
    (*machinery)->without_namespaces = true;
    return run_confined(*policy, **machinery,
                        {.command = command,
                         .args = std::move(args),
                         .deadline = std::chrono::steady_clock::now() + config.timeout.value(),
                         .run_id = "weaker"});
  }
  // The second tier hides nothing inside an open folder, so the built-in secrets must not apply.
  Config weaker_config(std::vector<CommandRule> more = {}) const {
    Config result = config(std::move(more));
    result.allow_secrets = true;
    return result;
  }
  static bool has_second_tier(const Expected<Result>& result) {
    return result || result.error().kind != ErrorKind::unavailable;
  }
};

TEST_F(Tiers, WithoutNamespacesTheSecondTierHoldsAndIsNamed) {
  const auto result =
      run_weaker(weaker_config({"sh", "cat"}), "sh",
                 {"-c", "cat inside.txt; echo new > made; cat " + path("outside/secret.txt") +
                            "; echo x > " + path("outside/new") + "; /usr/bin/id; exit 0"});
  if (!has_second_tier(result)) {
    GTEST_SKIP() << result.error().message;
  }
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->stdout_data, "inside");
  EXPECT_EQ(read("work/made"), "new\n");
  EXPECT_FALSE(exists("outside/new"));
  EXPECT_THAT(result->stderr_data, HasSubstr("Permission denied"));
  EXPECT_THAT(result->sandbox.layers, Contains(HasSubstr("second tier (weaker)")));
}

// As the filters of container engines do by default: no namespaces, no mounts, and no clone3 at
// all.
bool install_filter_of_a_container() {
  scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
  bool is_good =
      filter != nullptr &&
      ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
      ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                         SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)) == 0;
  for (const int call : {SCMP_SYS(unshare), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(setns),
                         SCMP_SYS(pivot_root)}) {
    is_good = is_good && ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) == 0;
  }
  return is_good && ::seccomp_load(filter) == 0;
}

TEST_F(Tiers, InAnOrdinaryContainerTheSecondTierHolds) {
#ifdef OMNISANDBOX_THREAD_SANITIZER
  GTEST_SKIP() << "the thread sanitizer takes a clone(2) that shares this memory for a fork";
#endif
  const auto weaker = run_weaker(weaker_config({"cat"}), "cat", {"inside.txt"});
  if (!has_second_tier(weaker)) {
    GTEST_SKIP() << weaker.error().message;
  }
  const Config config = weaker_config({"cat"});
  EXPECT_EXIT(
      {
        const auto result = install_filter_of_a_container()
                                ? run(config, "cat", {"inside.txt", path("outside/secret.txt")})
                                : Expected<Result>(Error{});
        std::fprintf(stderr, "%s\n",
                     result ? (result->stdout_data + result->sandbox.layers.front()).c_str()
                            : result.error().message.c_str());
        ::_exit(result && result->exit_code == 1 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "insidesecond tier");
}

TEST_F(Tiers, TheSecondTierReachesNoOtherProcessAndNoSocket) {
  const auto calls =
      run_weaker(weaker_config(), hostile(), {"system_calls", std::to_string(::getpid())});
  if (!has_second_tier(calls)) {
    GTEST_SKIP() << calls.error().message;
  }
  ASSERT_TRUE(calls) << calls.error().message;
  EXPECT_THAT(calls->stdout_data,
              AllOf(Not(HasSubstr("ESCAPED")), HasSubstr("refused: kill outside: EPERM")));
  EXPECT_THAT(run_weaker(weaker_config(), hostile(), {"sockets"})->stdout_data,
              Not(HasSubstr("ESCAPED")));
  EXPECT_THAT(run_weaker(weaker_config(), hostile(), {"inherited"})->stdout_data,
              Not(HasSubstr("ESCAPED")));
}

TEST_F(Tiers, NoTierChangesWhatIsKnownOfAFileOrAnotherProcess) {
  const std::vector<std::string> attack = {"metadata", path("outside/secret.txt"),
                                           std::to_string(::getpid())};
  EXPECT_THAT(must_run(config(), hostile(), attack).stdout_data,
              AllOf(Not(HasSubstr("ESCAPED")), HasSubstr("own limits: 0")));
  const auto weaker = run_weaker(weaker_config(), hostile(), attack);
  if (!has_second_tier(weaker)) {
    GTEST_SKIP() << weaker.error().message;
  }
  ASSERT_TRUE(weaker) << weaker.error().message;
  EXPECT_THAT(weaker->stdout_data, AllOf(Not(HasSubstr("ESCAPED")), HasSubstr("own limits: 0")));
}

TEST_F(Tiers, TheSecondTierEndsTheWholeTree) {
  Config policy = weaker_config();
  policy.timeout = std::chrono::milliseconds(500);
  // Other tests run the same program at the same time.
  const std::string mark = "of-the-test-" + std::to_string(::getpid());
  policy.environment["MARK"] = mark;
  const auto result = run_weaker(policy, hostile(), {"linger", "ignore"});
  if (!has_second_tier(result)) {
    GTEST_SKIP() << result.error().message;
  }
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, Status::timeout);
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "environ");
    const std::string environment{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(environment, Not(HasSubstr(mark))) << entry.path();
  }
}

TEST_F(Tiers, WhatTheSecondTierCannotHoldIsRefused) {
  write("work/.env", "TOKEN=1");
  const auto hiding = run_weaker(config({"cat"}), "cat", {"inside.txt"});
  ASSERT_FALSE(hiding);
  EXPECT_EQ(hiding.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(hiding.error().message, HasSubstr("hides or narrows"));
  // Also where the narrower part is a root of its own, which nothing else closes.
  std::filesystem::create_directories(path("work/fixed"));
  write("work/fixed/file", "fixed");
  Config narrowing = weaker_config({"sh"});
  narrowing.allowed_paths = {PathRule(path("work"), PathAccess::read_write),
                             PathRule(path("work/fixed"), PathAccess::read)};
  const auto narrowed = run_weaker(narrowing, "sh", {"-c", "echo x >> " + path("work/fixed/file")});
  ASSERT_FALSE(narrowed);
  EXPECT_EQ(narrowed.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(read("work/fixed/file"), "fixed");
  Config renaming = weaker_config({"cat"});
  renaming.allowed_paths = {PathRule(path("outside"), PathAccess::read, "/elsewhere")};
  const auto renamed = run_weaker(renaming, "cat", {"/elsewhere/secret.txt"});
  ASSERT_FALSE(renamed);
  EXPECT_EQ(renamed.error().kind, ErrorKind::unavailable);
}

TEST_F(Tiers, WithoutALauncherNothingRuns) {
  const auto missing = ProcessSandbox::create(config(), {.launcher = path("absent")});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::unavailable);
  // Nor with one that others could have written.
  write("outside/launcher", "");
  std::filesystem::permissions(path("outside/launcher"), std::filesystem::perms::all);
  const auto writable = ProcessSandbox::create(config(), {.launcher = path("outside/launcher")});
  ASSERT_FALSE(writable);
  EXPECT_THAT(writable.error().message, HasSubstr("nobody else may write"));
}

// What a command can bring about must not look like what a machine lacks: the next run would have
// the weaker walls.
TEST_F(Tiers, ACommandCannotBringTheWeakerTierAbout) {
  if (::geteuid() == 0) GTEST_SKIP() << "nothing is closed to root; an ordinary user runs this";
  Config policy = weaker_config({"chmod", "cat"});
  std::filesystem::create_directories(path("work/closed/root"));
  policy.allowed_paths.emplace_back(path("work/closed/root"));
  auto sandbox = ProcessSandbox::create(policy);
  ASSERT_TRUE(sandbox) << sandbox.error().message;
  ASSERT_TRUE(sandbox->run("chmod", {"000", path("work/closed")}));
  const auto refused = sandbox->run("cat", {"inside.txt"});
  ASSERT_EQ(::chmod(path("work/closed").c_str(), 0755), 0);
  ASSERT_FALSE(refused) << refused->sandbox.layers.front();
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("could not be set up"), HasSubstr(path("work/closed/root")),
                    Not(HasSubstr("user namespaces"))));
  const auto again = sandbox->run("cat", {"inside.txt"});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->stdout_data, "inside");
}

TEST_F(Tiers, PlacesOfFoldersAreNoFilesOfTheCommand) {
  Config policy = weaker_config({"sh"});
  policy.allowed_paths = {PathRule(path("work"), PathAccess::read_write, "/tmp/a/b/c")};
  policy.max_files_created = 0;
  const Result result =
      must_run(policy, "sh", {"-c", "echo x > new; echo y > /tmp/new || echo refused"});
  EXPECT_THAT(result.stdout_data, HasSubstr("refused"));
  EXPECT_EQ(result.sandbox.layers.front(), "user namespace");
  EXPECT_EQ(read("work/new"), "x\n");
}

TEST_F(Tiers, MissingControlGroupsAreNamed) {
  const Result result = must_run(config({"true"}), "true", {});
  EXPECT_THAT(result.sandbox.layers,
              testing::AnyOf(Contains(HasSubstr("cgroup v")),
                             Contains("memory by rlimit and watch (weaker: no memory cgroup)")));
}

TEST_F(Tiers, AStepThatFailsIsAClearErrorAndLeavesNothing) {
  auto policy = Policy::compile(config({"true"}));
  auto machinery = prepare_machinery({});
  ASSERT_TRUE(policy && machinery);
  const CommandJob job{.command = "true",
                       .deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60),
                       .run_id = "failing"};
  // Every step of the launcher fails once; the first number beyond the last step fails nothing.
  std::uint32_t step = 0;
  const auto before = left_behind();
  for (bool failed = true; failed;) {
    ASSERT_LT(++step, 1000U);
    (*machinery)->failing_step = step;
    const auto result = run_confined(*policy, **machinery, job);
    failed = !result;
    if (failed) {
      EXPECT_EQ(result.error().kind, ErrorKind::unavailable) << result.error().message;
      EXPECT_EQ(result.error().system_errno, EIO) << result.error().message;
    } else {
      EXPECT_EQ(result->status, Status::ok);
    }
  }
  EXPECT_GT(step, 40U);
  expect_nothing_left(before);
}

}  // namespace
}  // namespace omnisandbox::process
