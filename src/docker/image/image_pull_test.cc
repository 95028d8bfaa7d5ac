#include "docker/image/image_pull.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace omnisandbox::docker {
namespace {

TEST(ImagePull, ALineIsProgressOrTheErrorThatEndsIt) {
  const auto progress = parse_pull_line(
      R"({"status":"Downloading","progressDetail":{"current":12,"total":40},"id":"4abcf2066143"})");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->layer, "4abcf2066143");
  EXPECT_EQ(progress->status, "Downloading");
  EXPECT_EQ(progress->current_bytes, 12U);
  EXPECT_EQ(progress->total_bytes, 40U);
  EXPECT_TRUE(parse_pull_line(R"({"status":"Pull complete","progressDetail":{},"id":"a"})"));
  EXPECT_TRUE(parse_pull_line(R"({"progressDetail":{"current":-1,"total":"x"},"id":7})"));
  for (const auto& [line, kind] :
       {std::pair{R"({"errorDetail":{"message":"manifest unknown"},"error":"x"})",
                  ErrorKind::not_found},
        {R"({"error":"unauthorized: authentication required"})", ErrorKind::not_found},
        {R"({"error":"received unexpected HTTP status: 500"})", ErrorKind::io},
        {"[]", ErrorKind::io},
        {"", ErrorKind::io},
        {"{", ErrorKind::io}}) {
    const auto failed = parse_pull_line(line);
    ASSERT_FALSE(failed) << line;
    EXPECT_EQ(failed.error().kind, kind) << line;
  }
  // Text of the registry's cannot forge lines or colours.
  const auto forged = parse_pull_line("{\"error\":\"a\\nb\\u001b[31m\"}");
  EXPECT_THAT(forged.error().message, testing::Not(testing::HasSubstr("\n")));
  EXPECT_THAT(forged.error().message, testing::Not(testing::HasSubstr("\x1b")));
}

}  // namespace
}  // namespace omnisandbox::docker
