#include "host_functions/file_functions.h"

#include <gtest/gtest.h>

namespace omnisandbox::host_functions {
namespace {

TEST(FileFunctions, WithoutRulesNothingIsReadAndTheDenialIsRecorded) {
  auto policy = Policy::compile(Config{.capabilities = {Capability::fs_read}});
  ASSERT_TRUE(policy) << policy.error().message;
  auto context = RunContext::create(*policy, {});
  ASSERT_TRUE(context);
  const auto content = read_file(**context, "/etc/passwd", {});
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().kind, ErrorKind::denied);
  EXPECT_EQ((*context)->denial_count(), 1U);
}

}  // namespace
}  // namespace omnisandbox::host_functions
