// What the kernel refuses, and what others do between two of our calls.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>

#include "base/test_child.h"
#include "linux/file_system.h"
#include "linux/test_answered_calls.h"
#include "linux/test_ordinary_user.h"
#include "linux/test_own_mounts.h"
#include "policy/path/path_gate.h"
#include "policy/path/path_test_folder.h"
#include "policy/path/path_test_judge.h"

namespace omnisandbox::policy {
namespace {

using linux_::CallAnswer;
using linux_::pointed_to;
using linux_::with_call_failing;
using linux_::with_calls_answered;
using linux_::with_later_call_failing;
using testing::HasSubstr;
using testing::Not;

constexpr const char* no_listener = "this kernel hands no system calls over";

class PathFailures : public testing::Test {
 protected:
  PathFailures() {
    folder_.write("work/file", "content");
    folder_.write("outside/secret", "secret");
    folder_.make_folder("work/sub");
    use({in("work")});
  }

  static Config config(std::vector<PathRule> rules) {
    return Config{.capabilities = {Capability::fs_read, Capability::fs_write},
                  .allowed_paths = std::move(rules)};
  }
  void use(std::vector<PathRule> rules) {
    const Config chosen = config(std::move(rules));
    auto compiled = PathRules::compile(chosen);
    ASSERT_TRUE(compiled) << compiled.error().message;
    judge_ = std::make_unique<RulesJudge>(std::move(*compiled), chosen);
    gate_ = std::make_unique<PathGate>(*judge_);
  }
  Error compile_error(std::vector<PathRule> rules) const {
    const auto compiled = PathRules::compile(config(std::move(rules)));
    EXPECT_FALSE(compiled);
    return compiled ? Error{} : compiled.error();
  }

  std::string in(std::string_view name) const { return folder_.path(name); }

  Error open_error(const std::string& path, int flags = O_RDONLY,
                   PathUse use = PathUse::read) const {
    const auto opened = gate_->open({.path = path, .use = use}, flags, 0644);
    EXPECT_FALSE(opened) << path;
    return opened ? Error{} : opened.error();
  }

  TestFolder folder_;
  std::unique_ptr<RulesJudge> judge_;
  std::unique_ptr<PathGate> gate_;
};

// The rules while they are compiled
// -----------------------------------------------------------------------------------------------

TEST_F(PathFailures, AKernelWithoutOpenat2IsSaid) {
  const bool works = with_call_failing(SYS_openat2, ENOSYS, [this] {
    const Error error = compile_error({in("work")});
    EXPECT_EQ(error.kind, ErrorKind::unavailable);
    EXPECT_THAT(error.message, HasSubstr("Linux 5.6"));
    EXPECT_TRUE(PathRules::compile(config({}))) << "without rules there is nothing to open";
  });
  if (!works) GTEST_SKIP() << no_listener;
}

TEST_F(PathFailures, ARuleThatTakesAwayIsNotCutToItsNameForWantOfFiles) {
  // What cannot be opened for another reason than its absence may be a link.
  folder_.link("work/link", in("work/sub"));
  const std::vector<PathRule> rules = {in("work"), {in("work/link"), PathAccess::none}};
  for (const int error_number : {EMFILE, ENFILE, ENOMEM, EIO}) {
    // After "/", and the three opens of the first rule.
    for (int before = 3; before < 5; ++before) {
      const bool works = with_later_call_failing(SYS_openat2, before, error_number, [&] {
        const Error error = compile_error(rules);
        EXPECT_THAT(error.message, HasSubstr("allowed_paths[1]")) << before;
        EXPECT_THAT(error.message, Not(HasSubstr("no such file"))) << before;
      });
      if (!works) GTEST_SKIP() << no_listener;
    }
  }
  use(rules);
  EXPECT_EQ(open_error(in("work/link")).kind, ErrorKind::denied);
  EXPECT_EQ(open_error(in("work/sub")).kind, ErrorKind::denied) << "what the link leads to";
}

TEST_F(PathFailures, WhatTheUserCannotSeeIsTakenAwayByItsName) {
  folder_.make_folder("work/closed/inner");
  ASSERT_EQ(::chmod(in("work/closed").c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  const bool works = linux_::as_ordinary_user([this] {
    const Error error = compile_error({in("work/closed/inner")});
    EXPECT_EQ(error.system_errno, EACCES);
    EXPECT_THAT(error.message, HasSubstr("allowed_paths[0]"));
    const Config chosen = config({in("work"), {in("work/closed/inner"), PathAccess::none}});
    auto compiled = PathRules::compile(chosen);
    ASSERT_TRUE(compiled) << compiled.error().message;
    EXPECT_EQ(compiled->judge(in("work/closed/inner/x")).access, PathAccess::none);
    EXPECT_EQ(compiled->judge(in("work/closed/other")).access, PathAccess::read_write);
  });
  ASSERT_EQ(::chmod(in("work/closed").c_str(), 0755), 0);
  if (!works) GTEST_SKIP() << "root cannot become an ordinary user here";
}

TEST_F(PathFailures, WhatChangesWhileItIsCompiledIsNoRule) {
  // The name of the opened folder is asked for; before it is looked at, another one has it.
  for (const char* name : {"work/sub", "work/file"}) {
    const auto exchange = [&](const seccomp_data& call) {
      const long length =
          ::syscall(SYS_readlinkat, static_cast<int>(call.args[0]), pointed_to<char>(call, 1),
                    pointed_to<char>(call, 2), static_cast<std::size_t>(call.args[3]));
      std::filesystem::rename(in(name), in("work/moved"));
      folder_.link(name, in("outside/secret"));
      return CallAnswer::returned(length);
    };
    bool works = with_calls_answered({SYS_readlinkat}, exchange, [&] {
      const Error error = compile_error({in(name)});
      EXPECT_THAT(error.message, HasSubstr("it changed while the policy was compiled"));
    });
    std::filesystem::remove(in(name));
    if (works) {
      std::filesystem::rename(in("work/moved"), in(name));
      works = with_calls_answered({SYS_readlinkat}, exchange, [&] {
        const Error error = compile_error({{in(name), PathAccess::none}});
        EXPECT_THAT(error.message, HasSubstr("it changed while the policy was compiled"));
      });
      std::filesystem::remove(in(name));
      std::filesystem::rename(in("work/moved"), in(name));
    }
    if (!works) GTEST_SKIP() << no_listener;
  }
}

TEST_F(PathFailures, AFileThatChangesAfterItsFolderIsHeldIsNoRule) {
  // fstatat(2) with a name is asked only of the folder that is held for a single file.
  const auto exchange = [this](const seccomp_data& call) {
    if (std::strcmp(pointed_to<char>(call, 1), "file") == 0) {
      std::filesystem::remove(in("work/file"));
      folder_.write("work/file", "another one");
    }
    return CallAnswer::carried_out();
  };
  const bool works = with_calls_answered({SYS_newfstatat}, exchange, [this] {
    // Held open, so that the new file cannot have its number.
    const int old_file = ::open(in("work/file").c_str(), O_RDONLY | O_CLOEXEC);
    const Error error = compile_error({in("work/file")});
    EXPECT_THAT(error.message, HasSubstr("it changed while the policy was compiled"));
    ::close(old_file);
  });
  if (!works) GTEST_SKIP() << no_listener;
}

TEST_F(PathFailures, TooFewFilesForTheFolderOfAFileIsSaid) {
  // "/", the file, the file once more; the folder is the fourth.
  const bool works = with_later_call_failing(SYS_openat2, 3, EMFILE, [this] {
    const Error error = compile_error({in("work/file")});
    EXPECT_EQ(error.kind, ErrorKind::limit);
    EXPECT_THAT(error.message, HasSubstr("ulimit -n"));
  });
  if (!works) GTEST_SKIP() << no_listener;
}

TEST_F(PathFailures, WhatTheKernelHasNoPathForIsNoRule) {
  // As it tells of what lies in a file system that is mounted nowhere any more.
  constexpr std::string_view unreachable = "(unreachable)/sub";
  const auto answer = [&](const seccomp_data& call) {
    unreachable.copy(pointed_to<char>(call, 2), unreachable.size());
    return CallAnswer::returned(static_cast<std::int64_t>(unreachable.size()));
  };
  const bool works = with_calls_answered({SYS_readlinkat}, answer, [this] {
    EXPECT_THAT(compile_error({in("work")}).message, HasSubstr("no absolute path"));
  });
  if (!works) GTEST_SKIP() << no_listener;
}

TEST_F(PathFailures, AFileSystemThatTellsNothingOfItselfGivesNoRule) {
  const bool works = with_call_failing(SYS_fstatfs, EIO, [this] {
    const Error error = compile_error({in("work")});
    EXPECT_EQ(error.system_errno, EIO);
    EXPECT_THAT(error.message, HasSubstr("allowed_paths[0]"));
  });
  if (!works) GTEST_SKIP() << no_listener;
}

// The gate
// -----------------------------------------------------------------------------------------------

TEST_F(PathFailures, TruncatingNeedsWriting) {
  const Error error = open_error(in("work/file"), O_RDONLY | O_TRUNC, PathUse::write);
  EXPECT_EQ(error.kind, ErrorKind::internal);
  EXPECT_EQ(folder_.read("work/file"), "content");
}

TEST_F(PathFailures, WhatThisUserMayNotSearchIsAnErrorAndNotAbsent) {
  folder_.write("work/closed/file", "x");
  ASSERT_EQ(::chmod(in("work/closed").c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  const bool works = linux_::as_ordinary_user([this] {
    const auto located = gate_->locate({.path = in("work/closed/file"), .use = PathUse::write});
    ASSERT_FALSE(located);
    EXPECT_EQ(located.error().system_errno, EACCES);
    EXPECT_EQ(open_error(in("work/closed/file")).system_errno, EACCES);
    EXPECT_EQ(open_error(in("work/closed/../closed/file")).system_errno, EACCES) << "on a walk";
    const auto traced = gate_->trace({.path = in("work/closed/../closed/file")});
    EXPECT_TRUE(traced) << "only a name is wanted";
  });
  ASSERT_EQ(::chmod(in("work/closed").c_str(), 0755), 0);
  if (!works) GTEST_SKIP() << "root cannot become an ordinary user here";
}

TEST_F(PathFailures, AnErrorOfTheDiskEndsTheWalk) {
  const bool works = with_call_failing(SYS_openat2, EIO, [this] {
    EXPECT_EQ(open_error(in("work/sub/../file")).system_errno, EIO);
  });
  if (!works) GTEST_SKIP() << no_listener;
}

TEST_F(PathFailures, LinksThatKeepComingAndGoingEndTheLook) {
  // Each time that something is opened, a link has just taken its place.
  const bool works = with_call_failing(SYS_openat2, ELOOP, [this] {
    for (const Error& error :
         {open_error(in("work/sub/../file")), gate_->trace({.path = in("work/file")}).error()}) {
      EXPECT_EQ(error.system_errno, EAGAIN);
      EXPECT_THAT(error.message, HasSubstr("kept changing"));
    }
  });
  if (!works) GTEST_SKIP() << no_listener;
}

TEST_F(PathFailures, ANameThatComesAndGoesEndsTheCreation) {
  // It is gone whenever it is looked for, and there whenever it is created.
  const auto answer = [this](const seccomp_data& call) {
    if (call.nr == SYS_openat2 && (pointed_to<open_how>(call, 2)->flags & O_CREAT) != 0) {
      folder_.write("work/new", "of somebody else");
    } else {
      std::filesystem::remove(in("work/new"));
    }
    return CallAnswer::carried_out();
  };
  const bool works = with_calls_answered({SYS_openat2, SYS_newfstatat}, answer, [this] {
    const Error error = open_error(in("work/new"), O_WRONLY | O_CREAT, PathUse::write);
    EXPECT_EQ(error.system_errno, EAGAIN) << error.message;
  });
  if (!works) GTEST_SKIP() << no_listener;
  EXPECT_EQ(folder_.read("work/new"), "of somebody else");
}

TEST_F(PathFailures, APathThatGrowsTooLongOnTheWayIsRefused) {
  // A link makes a path longer than the one that was asked for.
  std::string deep = "work";
  while (in(deep).size() + 251 < 4095) {
    deep += "/" + std::string(250, 'd');
  }
  const std::string missing(250, 'x');
  ASSERT_GT(in(deep).size() + 1 + missing.size(), 4095U);
  folder_.make_folder(deep);
  folder_.link("work/short", in(deep));
  EXPECT_EQ(open_error(in("work/short/" + missing)).system_errno, ENAMETOOLONG);
  EXPECT_TRUE(gate_->open({.path = in("work/short")}, O_RDONLY));
}

TEST_F(PathFailures, SpellingsThatLeadToEachOtherEnd) {
  folder_.link("alias", "work");
  use({in("alias")});
  folder_.link("work/loop", in("alias/loop"));
  const Error error = open_error(in("alias/../alias/loop"));
  EXPECT_EQ(error.system_errno, ELOOP) << error.message;
  const Error other_step = open_error(in("alias/../work/loop"));
  EXPECT_EQ(other_step.system_errno, ELOOP) << other_step.message;
}

TEST_F(PathFailures, WithoutAnyRuleNothingIsAboveAnything) {
  use({});
  const Error error = open_error("/../etc/passwd");
  EXPECT_EQ(error.kind, ErrorKind::denied);
  EXPECT_TRUE(error.denial);
}

// Grants a file, and denies all that leads to it.
class ContradictoryJudge final : public PathJudge {
 public:
  ContradictoryJudge(const PathJudge& rules, std::string granted)
      : rules_(rules), granted_(std::move(granted)) {}
  tl::expected<PathGrant, Denial> judge_path(std::string_view canonical, PathUse use,
                                             std::string_view asked_as) const override {
    if (canonical == granted_) {
      return rules_.judge_path(canonical, use, asked_as);
    }
    return tl::unexpected(Denial{.capability = Capability::fs_read,
                                 .resource = std::string(asked_as),
                                 .rule = {},
                                 .reason = "no rule covers it",
                                 .remedy = {}});
  }
  std::optional<std::string> host_path_of(std::string_view) const override { return {}; }
  std::optional<std::string> resolve_spelling(std::string_view) const override { return {}; }
  bool is_above_root(std::string_view) const override { return false; }
  bool may_take_away_below(std::string_view) const override { return true; }
  bool allows_hard_links() const noexcept override { return false; }

 private:
  const PathJudge& rules_;
  std::string granted_;
};

TEST_F(PathFailures, AWayThatNoRuleCoversIsRefusedThoughItsEndIsGranted) {
  const ContradictoryJudge judge(*judge_, in("work/file"));
  const auto traced = PathGate(judge).trace({.path = in("work/file")});
  ASSERT_FALSE(traced);
  ASSERT_TRUE(traced.error().denial);
  EXPECT_THAT(traced.error().denial->reason, HasSubstr("covers the folders on the way"));
}

TEST_F(PathFailures, OnAMountWithoutDevicesTheKernelIsAskedAtOnce) {
  constexpr int no_mounts = 77;
  const int result = test::in_child([this] {
    if (!linux_::take_own_mounts() ||
        ::mount("tmpfs", in("work").c_str(), "tmpfs", MS_NODEV, "size=64k") != 0) {
      return no_mounts;
    }
    folder_.write("work/file", "content");
    folder_.make_folder("work/other");
    if (::mount("tmpfs", in("work/other").c_str(), "tmpfs", MS_NODEV, "size=64k") != 0 ||
        ::mkfifo(in("work/pipe").c_str(), 0600) != 0 ||
        ::mknod(in("work/socket").c_str(), S_IFSOCK | 0600, 0) != 0) {
      return no_mounts;
    }
    folder_.write("work/other/file", "on another mount");
    use({in("work")});
    const auto opens = [this](std::string_view name) {
      return gate_->open({.path = in(name)}, O_RDONLY).has_value();
    };
    const auto error = [this](std::string_view name) { return open_error(in(name)); };
    if (!opens("work/file") || !opens("work/other/file")) {
      return 1;
    }
    if (error("work/missing").kind != ErrorKind::not_found) {
      return 2;
    }
    for (const char* name : {"work/pipe", "work/socket"}) {
      if (error(name).kind != ErrorKind::invalid_argument) {
        return 3;
      }
    }
    return 0;
  });
  if (result == no_mounts) GTEST_SKIP() << "this machine gives no user namespace to mount in";
  EXPECT_EQ(result, 0);
}

}  // namespace
}  // namespace omnisandbox::policy
