#include "runner/base64.h"

#include <gtest/gtest.h>

namespace omnisandbox::runner {
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

TEST(Base64, ReadsWhatItWrites) {
  std::string bytes;
  for (int value = 0; value < 256; ++value) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    bytes += static_cast<char>(value);
  }
}

TEST(Base64, ReadsNothingElse) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "Zm9v\n", "Zm-_", "Zh==", "Zg==Zg==", "=Zg="}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace omnisandbox::runner
