#include "process/launch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace omnisandbox::process {
namespace {

LaunchPlan some_plan() {
  LaunchPlan plan;
  plan.steps = {
      {.kind = StepKind::bind,
       .flags = step_read_only | step_is_file,
       .source = "/usr/bin/true",
       .target = "/usr/bin/true",
       .device = 7,
       .inode = 9,
       .modified_ns = -3,
       .changed_ns = 5},
      {.kind = StepKind::text_file, .source = std::string("a\0b", 3), .target = "/etc/x"}};
  plan.landlock_paths = {{"/usr", 12}};
  plan.seccomp_filter = "12345678";
  plan.limits = {{4, 0}};
  plan.host_name = "sandbox";
  plan.proxy_port = 3128;
  plan.watched_tasks = 64;
  return plan;
}

TEST(LaunchPlan, ComesOutAsItWentIn) {
  const auto decoded = decode_plan(encode(some_plan()));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, some_plan());
}

TEST(LaunchPlan, ACommandComesOutAsItWentIn) {
  const CommandStart start{"/usr/bin/git", {"git", "", "a\nb"}, {"PATH=/bin"}, "/work"};
  const auto decoded = decode_start(encode(start));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, start);
}

TEST(LaunchPlan, EveryCutAndEveryByteTooManyIsRefused) {
  const std::string bytes = encode(some_plan());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_plan(std::string_view(bytes).substr(0, length))) << length;
  }
  EXPECT_FALSE(decode_plan(bytes + "x"));
}

TEST(LaunchPlan, ALengthBeyondTheMessageIsRefused) {
  std::string bytes = encode(some_plan());
  // The number of steps stands behind the tier.
  std::fill_n(bytes.begin() + 1, 4, '\xff');
  EXPECT_FALSE(decode_plan(bytes));
}

TEST(LaunchPlan, WhatTheLauncherCouldMisreadIsRefused) {
  const auto refused = [](auto change) {
    LaunchPlan plan = some_plan();
    change(plan);
    return !decode_plan(encode(plan));
  };
  EXPECT_TRUE(refused([](LaunchPlan& plan) { plan.tier = static_cast<Tier>(9); }));
  EXPECT_TRUE(refused([](LaunchPlan& plan) { plan.steps[0].kind = static_cast<StepKind>(99); }));
  EXPECT_TRUE(refused([](LaunchPlan& plan) { plan.steps[0].target = "relative"; }));
  EXPECT_TRUE(refused([](LaunchPlan& plan) { plan.steps[0].target = std::string("/a\0b", 4); }));
  EXPECT_TRUE(refused([](LaunchPlan& plan) { plan.steps[0].source = std::string("/a\0b", 4); }));
  EXPECT_TRUE(refused([](LaunchPlan& plan) { plan.landlock_paths[0].path = ""; }));
  EXPECT_FALSE(refused([](LaunchPlan&) {}));
  EXPECT_FALSE(decode_start(encode(CommandStart{"/bin/x", {}, {}, "/"})));
  EXPECT_FALSE(decode_start(encode(CommandStart{"x", {"x"}, {}, "/"})));
}

}  // namespace
}  // namespace omnisandbox::process
