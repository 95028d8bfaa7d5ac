#include "runner/choose_sandbox.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace omnisandbox::runner
