#include "policy/path/movable_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <memory>

#include "linux/file_system.h"
#include "linux/test_ordinary_user.h"
#include "policy/path/path_test_folder.h"
#include "policy/path/path_test_judge.h"

namespace omnisandbox::policy {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

class MovableFolder : public testing::Test {
 protected:
  MovableFolder() {
    folder_.write("work/plain/deep/file", "content");
    folder_.write("work/secret/deep/.env", "TOKEN=1");
    folder_.write("work/repository/.git/config", "[core]");
    folder_.write("work/file", "content");
    use(false);
  }

  void use(bool allow_secrets) {
    const Config config{.capabilities = {Capability::fs_read, Capability::fs_write},
                        .allowed_paths = {folder_.path("work")},
                        .allow_secrets = allow_secrets};
    auto rules = PathRules::compile(config);
    auto parent = linux_::open_at2(AT_FDCWD, folder_.path("work"), O_PATH | O_DIRECTORY, 0, 0);
    ASSERT_TRUE(rules && parent);
    judge_ = std::make_unique<RulesJudge>(std::move(*rules), config);
    parent_ = std::move(*parent);
  }

  Expected<void> check(const std::string& name,
                       Clock::time_point deadline = Clock::time_point::max()) const {
    const std::string path = folder_.path("work/" + name);
    return check_movable(*judge_, {.path = path, .use = PathUse::move, .deadline = deadline},
                         parent_, path);
  }

  TestFolder folder_;
  std::unique_ptr<RulesJudge> judge_;
  linux_::Fd parent_;
};

TEST_F(MovableFolder, StaysWhereItIsWhileItHoldsSomethingThatTheRulesTakeAway) {
  EXPECT_TRUE(check("plain"));
  EXPECT_TRUE(check("file"));
  EXPECT_TRUE(check("absent"));
  for (const char* name : {"secret", "repository"}) {
    const auto refused = check(name);
    ASSERT_FALSE(refused) << name;
    ASSERT_TRUE(refused.error().denial) << name;
    EXPECT_EQ(refused.error().denial->resource, folder_.path(std::string("work/") + name));
    EXPECT_THAT(refused.error().denial->reason, HasSubstr("stays where it is"));
    EXPECT_FALSE(refused.error().denial->rule.empty());
  }
  use(true);  // nothing is secret
  EXPECT_TRUE(check("secret"));
  EXPECT_TRUE(check("repository"));
}

TEST_F(MovableFolder, ALinkIsNoFolder) {
  std::filesystem::create_directory_symlink("secret", folder_.path("work/link"));
  EXPECT_TRUE(check("link"));
}

TEST_F(MovableFolder, LookingEndsAtTheDeadline) {
  const auto late = check("plain", Clock::now());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::timeout);
  EXPECT_THAT(late.error().message, HasSubstr(folder_.path("work/plain") + " is not moved"));
}

TEST_F(MovableFolder, WhatCannotBeLookedThroughStays) {
  const std::filesystem::path closed = folder_.path("work/plain/deep");
  std::filesystem::permissions(closed, std::filesystem::perms(0));
  const bool works = linux_::as_ordinary_user([&] {
    const auto refused = check("plain");
    ASSERT_FALSE(refused);
    ASSERT_TRUE(refused.error().denial);
    EXPECT_THAT(refused.error().denial->reason, HasSubstr("cannot be looked through"));
  });
  std::filesystem::permissions(closed, std::filesystem::perms(0755));
  if (!works) GTEST_SKIP() << "root cannot become an ordinary user here";
}

}  // namespace
}  // namespace omnisandbox::policy
