#include "runner/choose_sandbox.h"

#include <gtest/gtest.h>

#include <tuple>

namespace omnisandbox::runner {
namespace {

TEST(ChooseSandbox, FollowsWhatTheTargetIs) {
  EXPECT_EQ(choose_sandbox({}, "dir/tool.wasm", ""), SandboxKind::wasm);
  EXPECT_EQ(choose_sandbox({}, "tool.wat", ""), SandboxKind::wasm);
  EXPECT_EQ(choose_sandbox({}, "tool.wasm@sha256:00", ""), SandboxKind::wasm);
  EXPECT_EQ(choose_sandbox({}, "oci:/some/folder:v1", ""), SandboxKind::wasm);
  EXPECT_EQ(choose_sandbox({}, "ls", ""), SandboxKind::process);
  EXPECT_EQ(choose_sandbox({}, "wasm", ""), SandboxKind::process);
  EXPECT_EQ(choose_sandbox({}, "ls", "alpine"), SandboxKind::docker);
  EXPECT_EQ(choose_sandbox({}, "tool.wasm", "alpine"), SandboxKind::docker);
}

TEST(ChooseSandbox, WhatWasAskedForWins) {
  EXPECT_EQ(choose_sandbox(SandboxKind::process, "tool.wasm", ""), SandboxKind::process);
  EXPECT_EQ(choose_sandbox(SandboxKind::wasm, "tool", ""), SandboxKind::wasm);
}

struct Machine {
  bool process = true;
  bool docker = true;
  int asked_process = 0;
  int asked_docker = 0;

  AutomaticChoice choose(std::string_view target, std::string_view image = "",
                         std::string_view image_of_policy = "") {
    return choose_automatically(target, image, image_of_policy,
                                {.process =
                                     [this] {
                                       ++asked_process;
                                       return process;
                                     },
                                 .docker =
                                     [this] {
                                       ++asked_docker;
                                       return docker;
                                     }});
  }
};

TEST(ChooseAutomatically, FollowsTheTargetAndSaysWhy) {
  Machine machine;
  for (const auto& [target, image, kind] : {std::tuple{"tool.wasm", "", SandboxKind::wasm},
                                            {"ls", "alpine", SandboxKind::docker},
                                            {"tool.wasm", "alpine", SandboxKind::docker},
                                            {"ls", "", SandboxKind::process}}) {
    const auto choice = machine.choose(target, image, "policy:1");
    EXPECT_EQ(choice.kind, kind) << target << image;
    EXPECT_TRUE(choice.is_available);
    EXPECT_FALSE(choice.reason.empty());
  }
}

TEST(ChooseAutomatically, AMachineIsAskedOnlyForWhatMatters) {
  Machine machine;
  machine.choose("tool.wasm", "", "policy:1");
  EXPECT_EQ(machine.asked_process + machine.asked_docker, 0);
  machine.choose("ls", "", "policy:1");
  EXPECT_EQ(machine.asked_process, 1);
  EXPECT_EQ(machine.asked_docker, 0);
  machine.choose("ls", "alpine");
  EXPECT_EQ(machine.asked_process, 1);
  EXPECT_EQ(machine.asked_docker, 1);
}

TEST(ChooseAutomatically, WhatIsMissingIsReplacedByMoreIsolationOrRefused) {
  Machine machine{.process = false};
  EXPECT_EQ(machine.choose("ls", "", "policy:1").kind, SandboxKind::docker);
  EXPECT_TRUE(machine.choose("ls", "", "policy:1").is_available);
  // No image: nothing to run it in, and no engine is asked.
  machine.asked_docker = 0;
  const auto nothing = machine.choose("ls");
  EXPECT_FALSE(nothing.is_available);
  EXPECT_NE(nothing.reason.find("docker.image"), std::string::npos) << nothing.reason;
  EXPECT_EQ(machine.asked_docker, 0);
  machine.docker = false;
  EXPECT_FALSE(machine.choose("ls", "", "policy:1").is_available);
  // A container is never replaced by less.
  machine.process = true;
  const auto contained = machine.choose("ls", "alpine");
  EXPECT_EQ(contained.kind, SandboxKind::docker);
  EXPECT_FALSE(contained.is_available);
}

}  // namespace
}  // namespace omnisandbox::runner
