// Search folders as other machines have them, and what the kernel refuses while a command is found.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "base/test_child.h"
#include "linux/test_answered_calls.h"
#include "linux/test_ordinary_user.h"
#include "linux/test_own_mounts.h"
#include "policy/command/absent_command.h"
#include "policy/command/command_finder.h"
#include "policy/command/command_rules.h"

namespace omnisandbox::policy {
namespace {

namespace fs = std::filesystem;
using linux_::CallAnswer;
using State = CommandFinder::Finding::State;

constexpr const char* no_listener = "this kernel hands no system calls over";
constexpr int no_mounts = 77;

// A command that every machine has in /usr/bin.
constexpr const char* everywhere = "env";

Denial some_denial(std::string reason) {
  return Denial{.capability = Capability::exec_run,
                .resource = "tool\n",
                .rule = "allowed_commands[0]",
                .reason = std::move(reason),
                .remedy = {}};
}

TEST(AbsentCommand, IsNoDenialAndSaysWhatToDo) {
  const Error denied = refused_command(some_denial("the arguments are not allowed"));
  EXPECT_EQ(denied.kind, ErrorKind::denied);
  ASSERT_TRUE(denied.denial);
  EXPECT_EQ(denied.denial->reason, "the arguments are not allowed");

  const Error absent =
      refused_command(some_denial("the base says: " + std::string(absent_command_reason)));
  EXPECT_EQ(absent.kind, ErrorKind::not_found);
  EXPECT_FALSE(absent.denial);
  EXPECT_NE(absent.message.find("there is no command tool\\n: "), std::string::npos)
      << absent.message;
  EXPECT_NE(absent.message.find("install it"), std::string::npos);
}

TEST(CommandFailures, SearchFoldersThatAreAbsentOrNoFoldersArePassedOver) {
  const int result = test::in_child([] {
    if (!linux_::take_own_mounts() || ::mount("tmpfs", "/usr/local", "tmpfs", 0, nullptr) != 0) {
      return no_mounts;
    }
    std::ofstream("/usr/local/sbin") << "no folder";  // and there is no bin
    const auto finder = CommandFinder::create({}, {});
    if (!finder) {
      return 1;
    }
    const auto finding = finder->find(everywhere);
    return finding && finding->state != State::absent ? 0 : 2;
  });
  if (result == no_mounts) GTEST_SKIP() << "this machine gives no user namespace to mount in";
  EXPECT_EQ(result, 0);
}

TEST(CommandFailures, ACommandThatWasPassedOverIsWarnedOf) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "the folders of the system are trusted in root's user namespace alone";
  }
  const int result = test::in_child([] {
    if (!linux_::take_own_mounts() || ::mount("tmpfs", "/usr/local", "tmpfs", 0, "mode=755") != 0) {
      return no_mounts;
    }
    fs::create_directory("/usr/local/bin");
    const fs::path first = fs::path("/usr/local/bin") / everywhere;
    std::ofstream(first) << "#!/bin/sh\n";
    fs::permissions(first, fs::perms(0777));  // everybody can write it
    std::vector<PolicyWarning> warnings;
    const auto rules =
        CommandRules::compile(Config{.allowed_commands = {everywhere}}, {}, warnings);
    if (!rules || warnings.size() != 1) {
      return 1;
    }
    const std::string& message = warnings[0].message;
    if (message.find("another one was passed over: /usr/local/bin/env can be written by others") ==
        std::string::npos) {
      return 2;
    }
    const CommandAnswer answer = rules->judge(everywhere, {});
    return answer.allowed && answer.command->path.starts_with("/usr/bin/") ? 0 : 3;
  });
  if (result == no_mounts) GTEST_SKIP() << "this machine gives no user namespace to mount in";
  EXPECT_EQ(result, 0);
}

TEST(CommandFailures, WantOfFilesIsAnErrorAndNeverAnAbsentCommand) {
  const auto finder = CommandFinder::create({}, {});
  ASSERT_TRUE(finder);
  // "/", and then each folder on the way.
  for (int before = 0; before < 3; ++before) {
    const bool works = linux_::with_later_call_failing(SYS_openat2, before, EMFILE, [&] {
      const auto fresh = CommandFinder::create({}, {});
      EXPECT_FALSE(fresh) << before;
      EXPECT_EQ(fresh ? 0 : fresh.error().system_errno, EMFILE);
    });
    if (!works) GTEST_SKIP() << no_listener;
    linux_::with_later_call_failing(SYS_openat2, before, EMFILE, [&] {
      const auto finding = finder->find("/usr/bin/env");
      EXPECT_FALSE(finding) << before;
      EXPECT_EQ(finding ? 0 : finding.error().system_errno, EMFILE);
    });
  }
}

TEST(CommandFailures, AFolderThatCannotBeExaminedIsNotTrusted) {
  const auto finder = CommandFinder::create({}, {});
  ASSERT_TRUE(finder);
  // The first status that is asked for is that of "/".
  auto answer = [seen = 0](const seccomp_data&) mutable {
    return seen++ == 0 ? CallAnswer::refused(EIO) : CallAnswer::carried_out();
  };
  const bool works = linux_::with_calls_answered({SYS_fstat, SYS_newfstatat}, answer, [&] {
    const auto finding = finder->find("/usr/bin/env");
    ASSERT_TRUE(finding) << finding.error().message;
    EXPECT_EQ(finding->state, State::untrusted);
    EXPECT_EQ(finding->problem, "/ cannot be examined");
  });
  if (!works) GTEST_SKIP() << no_listener;
}

TEST(CommandFailures, AFolderThatThisUserCannotSearchHasNoCommand) {
  char pattern[] = "/tmp/omnisandbox-test-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern), nullptr);
  const fs::path folder = pattern;
  fs::copy_file("/usr/bin/env", folder / "tool");
  fs::permissions(folder, fs::perms::none);
  const bool works = linux_::as_ordinary_user([&] {
    const auto finder = CommandFinder::create({}, {});
    ASSERT_TRUE(finder);
    const auto finding = finder->find((folder / "tool").native());
    ASSERT_TRUE(finding) << finding.error().message;
    EXPECT_EQ(finding->state, State::untrusted);
    EXPECT_EQ(finding->problem, folder.native() + " cannot be searched by this user");
    EXPECT_FALSE(finding->command.handle.is_open());
  });
  fs::permissions(folder, fs::perms::owner_all);
  fs::remove_all(folder);
  if (!works) GTEST_SKIP() << "root cannot become an ordinary user here";
}

}  // namespace
}  // namespace omnisandbox::policy
