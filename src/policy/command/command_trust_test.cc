// Who may change a command, and what then happens. Needs files of another owner in places, so some
// tests need root.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "policy/command/command_finder.h"
#include "policy/command/command_rules.h"

namespace omnisandbox::policy {
namespace {

namespace fs = std::filesystem;
using State = CommandFinder::Finding::State;

// A folder that only root and the user can write, down from "/". /tmp is none, which is the point
// of these rules.
class CommandTrust : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* place : {"/var/lib", "/root", "/run", "/opt"}) {
      std::string pattern = std::string(place) + "/omnisandbox-test-XXXXXX";
      if (::mkdtemp(pattern.data()) != nullptr) {
        folder_ = pattern;
        break;
      }
    }
    if (folder_.empty()) {
      if (const char* home = std::getenv("HOME")) {
        std::string pattern = std::string(home) + "/.omnisandbox-test-XXXXXX";
        folder_ = ::mkdtemp(pattern.data()) == nullptr ? fs::path() : fs::path(pattern);
      }
    }
    if (folder_.empty() || find(write_script("probe")).state != State::found) {
      GTEST_SKIP() << "this user has no folder that only he can write";
    }
  }
  void TearDown() override {
    if (!folder_.empty()) {
      fs::remove_all(folder_);
    }
  }

  fs::path write_script(const fs::path& name, fs::perms mode = fs::perms(0755)) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "#!/bin/sh\nexit 0\n";
    fs::permissions(path, mode);
    return path;
  }

  CommandFinder::Finding find(const fs::path& path, const Config& config = {},
                              std::vector<std::string> writable = {}) {
    const auto finder = CommandFinder::create(config, writable);
    EXPECT_TRUE(finder.has_value());
    auto finding = finder->find(path.native());
    EXPECT_TRUE(finding.has_value()) << finding.error().message;
    return std::move(*finding);
  }

  void expect_untrusted(const CommandFinder::Finding& finding, std::string_view why) {
    EXPECT_EQ(finding.state, State::untrusted);
    EXPECT_NE(finding.problem.find(why), std::string::npos) << finding.problem;
    EXPECT_FALSE(finding.command.handle.is_open());
  }

  fs::path folder_;
};

TEST_F(CommandTrust, AFileOfTheUserIsTrusted) {
  const fs::path tool = write_script("tool");
  const auto finding = find(tool);
  ASSERT_EQ(finding.state, State::found) << finding.problem;
  EXPECT_EQ(finding.command.path, tool.native());
}

TEST_F(CommandTrust, FilesThatOthersCanWriteAreNot) {
  expect_untrusted(find(write_script("group", fs::perms(0775))),
                   "can be written by others than its owner (mode 0775)");
  expect_untrusted(find(write_script("world", fs::perms(0757))), "(mode 0757)");
  expect_untrusted(find(write_script("data", fs::perms(0644))), "is not executable");
  EXPECT_EQ(find(write_script("setuid", fs::perms(04755))).state, State::found);
}

TEST_F(CommandTrust, FoldersThatOthersCanWriteAreNotStickyOrNot) {
  const fs::path tool = write_script("inner/bin/tool");
  EXPECT_EQ(find(tool).state, State::found);
  fs::permissions(folder_ / "inner", fs::perms(0777));
  expect_untrusted(find(tool), "inner can be written by others");
  fs::permissions(folder_ / "inner", fs::perms(01777));
  expect_untrusted(find(tool), "(mode 1777)");
  EXPECT_EQ(find(folder_ / "inner/bin/none").state, State::absent);
}

TEST_F(CommandTrust, TmpIsNotTrusted) {
  char pattern[] = "/tmp/omnisandbox-test-XXXXXX";
  ASSERT_NE(::mkdtemp(pattern), nullptr);
  const fs::path tool = fs::path(pattern) / "ls";
  fs::copy_file("/usr/bin/env", tool);
  expect_untrusted(find(tool), "/tmp can be written by others");
  fs::remove_all(pattern);
}

TEST_F(CommandTrust, WhatIsNoRegularFileIsNot) {
  fs::create_directory(folder_ / "folder");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0755), 0);
  ::chmod((folder_ / "pipe").c_str(), 0755);
  expect_untrusted(find(folder_ / "folder"), "is a folder");
  expect_untrusted(find(folder_ / "pipe"), "is not a regular file");
  expect_untrusted(find("/dev/null"), "is not a regular file");
  EXPECT_EQ(find(write_script("tool") / "under").state, State::absent);
}

TEST_F(CommandTrust, LinksAreFollowedOverTrustedStepsOnly) {
  const fs::path tool = write_script("real/tool-1.2");
  fs::create_directories(folder_ / "alternatives");
  fs::create_directories(folder_ / "bin");
  fs::create_symlink(tool, folder_ / "alternatives/tool");
  fs::create_symlink("../alternatives/tool", folder_ / "bin/tool");
  const auto finding = find(folder_ / "bin/tool");
  ASSERT_EQ(finding.state, State::found) << finding.problem;
  EXPECT_EQ(finding.command.path, tool.native());
  fs::permissions(folder_ / "alternatives", fs::perms(0777));
  expect_untrusted(find(folder_ / "bin/tool"), "alternatives can be written by others");
}

TEST_F(CommandTrust, LoopsAndDanglingLinksAreAbsent) {
  fs::create_symlink("loop", folder_ / "loop");
  fs::create_symlink("nothing", folder_ / "dangling");
  EXPECT_EQ(find(folder_ / "loop").state, State::absent);
  EXPECT_EQ(find(folder_ / "dangling").state, State::absent);
}

TEST_F(CommandTrust, AFileOrLinkOfAnotherUserIsNot) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root to give a file away";
  }
  const fs::path tool = write_script("tool");
  ASSERT_EQ(::chown(tool.c_str(), 12345, 0), 0);
  expect_untrusted(find(tool), "is owned by user 12345");
  fs::create_symlink("/usr/bin/env", folder_ / "link");
  EXPECT_EQ(find(folder_ / "link").state, State::found);
  ASSERT_EQ(::lchown((folder_ / "link").c_str(), 12345, 0), 0);
  expect_untrusted(find(folder_ / "link"), "is a symbolic link of user 12345");
  const fs::path inner = write_script("owned/tool");
  ASSERT_EQ(::chown((folder_ / "owned").c_str(), 12345, 0), 0);
  expect_untrusted(find(inner), "owned is owned by user 12345");
}

TEST_F(CommandTrust, WhatThePolicyCanWriteItCannotRun) {
  const fs::path tool = write_script("work/bin/tool");
  EXPECT_EQ(find(tool).state, State::found);
  expect_untrusted(find(tool, {}, {folder_ / "work"}), "lies where the policy itself can write");
  expect_untrusted(find(tool, {}, {"/"}), "lies where the policy itself can write");
  expect_untrusted(find(tool, {}, {tool}), "lies where the policy itself can write");
  EXPECT_EQ(
      find(tool, {}, {folder_ / "wor", folder_ / "work-other", folder_ / "work/bin/too"}).state,
      State::found);
  fs::create_symlink("/usr/bin/env", folder_ / "work/env");
  expect_untrusted(find(folder_ / "work/env", {}, {folder_ / "work"}),
                   "is a symbolic link that the policy itself can write");
}

TEST_F(CommandTrust, AReadOnlyRuleInsideAWritableOneProtects) {
  const Config read_usr{.allowed_paths = {"/", PathRule("/usr", PathAccess::read)}};
  EXPECT_EQ(find("/usr/bin/env", read_usr, {"/"}).state, State::found);
  const Config slash{.allowed_paths = {"/", PathRule("/usr/", PathAccess::read)}};
  EXPECT_EQ(find("/usr/bin/env", slash, {"/"}).state, State::found);
  expect_untrusted(find("/usr/bin/env", {}, {"/"}), "policy itself can write");
  // Not where a folder above could be replaced.
  const Config read_bin{.allowed_paths = {"/usr", PathRule("/usr/bin", PathAccess::read)}};
  expect_untrusted(find("/usr/bin/env", read_bin, {"/usr"}), "policy itself can write");
}

TEST_F(CommandTrust, UntrustedRulesAreWarnedOfAndDenied) {
  const fs::path tool = write_script("tool", fs::perms(0777));
  std::vector<PolicyWarning> warnings;
  const auto rules =
      CommandRules::compile(Config{.allowed_commands = {tool.native(), "*"}}, {}, warnings);
  ASSERT_TRUE(rules.has_value());
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].message.find("is refused: "), std::string::npos) << warnings[0].message;
  EXPECT_EQ(rules->resolve_trusted_command(tool.native()).error().kind, ErrorKind::denied);
  std::vector<PolicyWarning> more;
  const auto alone = CommandRules::compile(Config{.allowed_commands = {tool.native()}}, {}, more);
  ASSERT_TRUE(alone.has_value());
  const CommandAnswer answer = alone->judge(tool.native(), {});
  EXPECT_FALSE(answer.allowed);
  EXPECT_NE(answer.reason.find("listed but not trusted"), std::string::npos) << answer.reason;
  EXPECT_TRUE(alone->commands().empty());
}

// "ls" that is a link to busybox must not open busybox by its own name, nor its other applets.
TEST_F(CommandTrust, AMultiCallBinaryIsAllowedUnderTheListedNameOnly) {
  const fs::path box = write_script("box");
  fs::create_symlink("box", folder_ / "list");
  fs::create_symlink("box", folder_ / "shell");
  std::vector<PolicyWarning> warnings;
  const auto rules = CommandRules::compile(
      Config{.allowed_commands = {(folder_ / "list").native()}}, {}, warnings);
  ASSERT_TRUE(rules.has_value());
  const CommandAnswer answer = rules->judge((folder_ / "list").native(), {});
  ASSERT_TRUE(answer.allowed) << answer.reason;
  EXPECT_EQ(answer.command->path, box.native());
  EXPECT_FALSE(rules->judge(box.native(), {}).allowed);
  EXPECT_FALSE(rules->judge((folder_ / "shell").native(), {}).allowed);
}

TEST_F(CommandTrust, TheHandleStaysTheFileThatWasResolved) {
  const fs::path tool = write_script("tool");
  std::vector<PolicyWarning> warnings;
  const auto rules =
      CommandRules::compile(Config{.allowed_commands = {tool.native()}}, {}, warnings);
  ASSERT_TRUE(rules.has_value());
  const CommandAnswer answer = rules->judge(tool.native(), {});
  ASSERT_TRUE(answer.allowed);
  fs::rename(write_script("other"), tool);
  struct stat now {};
  ASSERT_EQ(::fstat(answer.command->handle.get(), &now), 0);
  EXPECT_EQ(now.st_ino, answer.command->inode);
  struct stat replaced {};
  ASSERT_EQ(::stat(tool.c_str(), &replaced), 0);
  EXPECT_NE(replaced.st_ino, answer.command->inode);
}

}  // namespace
}  // namespace omnisandbox::policy
