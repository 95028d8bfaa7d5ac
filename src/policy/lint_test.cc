#include "policy/lint.h"

#include <gtest/gtest.h>

namespace omnisandbox {
namespace {

TEST(Lint, WarnsOfAllCapabilitiesAtOnce) {
  EXPECT_TRUE(lint(Config{}).empty());
  const auto warnings = lint(Config{.capabilities = all_capabilities});
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].where, "capabilities");
}

}  // namespace
}  // namespace omnisandbox
