// What this process cannot have any more: files, processes and threads. Each is an error that says
// so, nothing is left, and the next run works.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/test_child.h"
#include "linux/test_answered_calls.h"
#include "linux/test_ordinary_user.h"
#include "linux/test_scarce_descriptors.h"
#include "process/refusal_watch.h"
#include "process_fixture.h"

namespace omnisandbox {
namespace {

using testing::HasSubstr;

class Scarcity : public ProcessTest {
 protected:
  /// A process of its own whose user may have no more processes and threads than he has.
  template <class Body>
  static int with_no_more_processes(Body&& body) {
    return test::in_child([&] {
      constexpr unsigned user = linux_::ordinary_user;
      if (::geteuid() == 0 &&
          (::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0)) {
        return no_ordinary_user;
      }
      ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // what a process of that user would be
      return body();
    });
  }
  static void limit_processes(rlim_t most) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = std::min(most, limit.rlim_max);
    ::setrlimit(RLIMIT_NPROC, &limit);
  }

  static constexpr int no_ordinary_user = 77;
};

TEST_F(Scarcity, DescriptorsThatRunOutAnywhereInARunAreSaidAndNothingIsLeft) {
  auto sandbox = ProcessSandbox::create(config({"true"}));
  ASSERT_TRUE(sandbox);
  ASSERT_TRUE(sandbox->run("true", {}));
  const auto before = left_behind();
  std::size_t refused = 0;
  std::size_t left = 0;
  for (bool worked = false; !worked; ++left) {
    ASSERT_LT(left, 200U);
    std::optional<Expected<Result>> result;
    {
      const linux_::ScarceDescriptors scarce(left);
      result.emplace(sandbox->run("true", {}));
    }
    worked = result->has_value();
    if (worked) {
      EXPECT_EQ((*result)->status, Status::ok) << (*result)->stderr_data;
    } else {
      ++refused;
      EXPECT_THAT(result->error().message, HasSubstr("Too many open files")) << left;
    }
  }
  EXPECT_GT(refused, 5U);
  expect_nothing_left(before);
  const auto after = sandbox->run("true", {});
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->status, Status::ok);
}

TEST_F(Scarcity, NoMoreProcessesForThisUserIsSaidAndTheNextRunWorks) {
  const int result = with_no_more_processes([] {
    Config settings;
    settings.capabilities = {Capability::exec_run};
    settings.allowed_commands = {"true"};
    auto sandbox = ProcessSandbox::create(settings);
    if (!sandbox) {
      return 1;
    }
    limit_processes(1);
    for (int tries = 0; tries < 3; ++tries) {
      const auto refused = sandbox->run("true", {});
      if (refused || refused.error().system_errno != EAGAIN) {
        return 2;
      }
    }
    limit_processes(RLIM_INFINITY);
    const auto works = sandbox->run("true", {});
    return works && works->status == Status::ok ? 0 : 3;
  });
  if (result == no_ordinary_user) GTEST_SKIP() << "root cannot become an ordinary user here";
  EXPECT_EQ(result, 0);
}

TEST_F(Scarcity, WithoutAThreadThePoolStaysEmptyAndRunsWork) {
  const int result = with_no_more_processes([] {
    Config settings;
    settings.capabilities = {Capability::exec_run};
    settings.allowed_commands = {"true"};
    limit_processes(1);
    auto sandbox = ProcessSandbox::create(settings, {.warm_sandboxes = 2});
    if (!sandbox) {
      return 1;
    }
    const auto refused = sandbox->run("true", {});
    if (refused || refused.error().system_errno != EAGAIN) {
      return 2;
    }
    limit_processes(RLIM_INFINITY);
    const auto works = sandbox->run("true", {});
    return works && works->status == Status::ok ? 0 : 3;
  });
  if (result == no_ordinary_user) GTEST_SKIP() << "root cannot become an ordinary user here";
  EXPECT_EQ(result, 0);
}

TEST_F(Scarcity, ARunThatCannotBeWatchedIsAnError) {
  const auto policy = Policy::compile(config({"true"}));
  ASSERT_TRUE(policy);
  const process::LaunchPlan walls;
  const auto before = linux_::open_descriptors();
  const bool works = linux_::with_call_failing(SYS_clone3, EAGAIN, [&] {
    const auto watch = process::RefusalWatch::start(
        linux_::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)), {.policy = *policy, .walls = walls});
    ASSERT_FALSE(watch);
    EXPECT_EQ(watch.error().kind, ErrorKind::limit);
    EXPECT_THAT(watch.error().message, HasSubstr("ulimit -u"));
  });
  if (!works) GTEST_SKIP() << "this kernel hands no system calls over";
  EXPECT_EQ(linux_::open_descriptors(), before);
}

}  // namespace
}  // namespace omnisandbox
