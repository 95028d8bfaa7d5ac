#include "cli/base64.h"

#include <gtest/gtest.h>

namespace omnisandbox::cli {
namespace {

TEST(Base64, FollowsTheVectorsOfRfc4648) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64("foob"), "Zm9vYg==");
  EXPECT_EQ(to_base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, KeepsEveryByteValue) {
  EXPECT_EQ(to_base64(std::string_view("\0\xff\xfe\x80", 4)), "AP/+gA==");
}

}  // namespace
}  // namespace omnisandbox::cli
