#include "runner/result_json.h"

#include <gtest/gtest.h>

namespace omnisandbox::runner {
namespace {

TEST(JsonReport, HasEveryFieldOfTheContractAlways) {
  const Json json = result_json(Result{}, 125);
  for (const char* field : {"status", "exit_code", "stdout", "stderr", "stdout_truncated",
                            "stdout_bytes", "stderr_truncated", "stderr_bytes", "duration_ms",
                            "peak_memory_bytes", "fuel_consumed", "sandbox", "denials", "error"}) {
    EXPECT_TRUE(json.contains(field)) << field;
  }
  EXPECT_TRUE(json["fuel_consumed"].is_null());
  EXPECT_TRUE(json["error"].is_null());
  EXPECT_TRUE(json["denials"].is_array());
  EXPECT_FALSE(json.contains("stdout_encoding"));
}

TEST(JsonReport, BytesThatAreNotTextAreBase64) {
  Result result;
  result.stdout_data = std::string("\xff\x00", 2);
  result.stderr_data = "text \xc3\xa9";
  const Json json = Json::parse(to_line(result_json(result, 0)));
  EXPECT_EQ(json["stdout"], "/wA=");
  EXPECT_EQ(json["stdout_encoding"], "base64");
  EXPECT_EQ(json["stderr"], "text \xc3\xa9");
  EXPECT_FALSE(json.contains("stderr_encoding"));
}

TEST(JsonReport, IsOneLineOfPrintableAscii) {
  Result result;
  result.stdout_data = "\x1b[2J\n\x7f\xc2\x9b \xe2\x80\xae";
  result.denials.push_back({.resource = "/\xff\n", .rule = {}, .reason = "no", .remedy = {}});
  const std::string line = to_line(result_json(result, 0));
  ASSERT_EQ(line.find('\n'), line.size() - 1);
  for (const char byte : line.substr(0, line.size() - 1)) {
    EXPECT_GE(byte, ' ') << static_cast<int>(byte);
  }
  EXPECT_EQ(Json::parse(line)["stdout"], result.stdout_data);
}

TEST(JsonReport, AnExitedGuestShowsItsOwnCode) {
  Result result;
  result.status = Status::exited;
  result.exit_code = 256;
  EXPECT_EQ(result_json(result, 255)["exit_code"], 256);
}

TEST(JsonReport, AResponseKeepsRepeatedHeaders) {
  const Json json = response_json({.status = 200,
                                   .headers = {{"Set-Cookie", "a=1"}, {"Set-Cookie", "b=2"}},
                                   .body = "\xff",
                                   .final_url = "https://x/"});
  EXPECT_EQ(json["status"], 200);
  EXPECT_EQ(json["headers"].size(), 2U);
  EXPECT_EQ(json["body_encoding"], "base64");
}

}  // namespace
}  // namespace omnisandbox::runner
