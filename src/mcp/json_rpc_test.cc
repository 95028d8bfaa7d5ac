#include "mcp/json_rpc.h"

#include <gmock/gmock.h>

#include <ctime>
#include <string>

#include "mcp/limits.h"

namespace omnisandbox::mcp {
namespace {

Message read(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? read_message(*std::move(parsed)) : Message(Response{});
}

TEST(JsonText, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "{} {}", "nul", "{\"a\":1,}", "\"\xff\"", "\"\\ud800\"",
                           "1e999", "'a'", "{\"a\" 1}", "// {}"}) {
    const auto parsed = parse_json(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().kind, ErrorKind::invalid_argument);
  }
}

TEST(JsonText, NestingIsLimitedAndTextInQuotesIsNotNesting) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(max_json_depth)));
  EXPECT_FALSE(parse_json(nested(max_json_depth + 1)));
  EXPECT_FALSE(parse_json(nested(1'000'000)));
  EXPECT_TRUE(parse_json("\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\""));
}

TEST(JsonText, ManyKeysTakeNoLongTime) {
  std::string text = "{";
  for (int key = 0; key < 100'000; ++key) {
    text += "\"k" + std::to_string(key) + "\":1,";
  }
  text += "\"last\":1}";
  const std::clock_t start = std::clock();
  const auto parsed = parse_json(text);  // by comparing each with all: 5 billion comparisons
  EXPECT_LT(std::clock() - start, 10 * CLOCKS_PER_SEC);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->size(), 100'001U);
}

TEST(JsonRpc, ReadsRequestsNotificationsAndResponses) {
  const Message message = read(R"({"jsonrpc":"2.0","id":"a","method":"m","params":{"x":1}})");
  const auto* request = std::get_if<Request>(&message);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->id, "a");
  EXPECT_EQ(request->method, "m");
  EXPECT_EQ(request->params["x"], 1);
  EXPECT_TRUE(std::holds_alternative<Notification>(read(R"({"jsonrpc":"2.0","method":"m"})")));
  EXPECT_TRUE(std::holds_alternative<Response>(read(R"({"jsonrpc":"2.0","id":1,"result":{}})")));
}

TEST(JsonRpc, WhatIsWrongIsSaidUnderItsId) {
  struct Case {
    const char* text;
    Json id;
    const char* problem;
  };
  for (const Case& wrong : {
           Case{R"({"id":7,"method":"m"})", 7, "jsonrpc"},
           Case{R"({"jsonrpc":"1.0","id":7,"method":"m"})", 7, "jsonrpc"},
           Case{R"({"jsonrpc":"2.0","id":7})", 7, "method"},
           Case{R"({"jsonrpc":"2.0","id":"x","method":5})", "x", "method"},
           Case{R"({"jsonrpc":"2.0","id":7,"method":"m","params":[1]})", 7, "params"},
           Case{R"({"jsonrpc":"2.0","id":null,"method":"m"})", nullptr, "id"},
           Case{R"({"jsonrpc":"2.0","id":{},"method":"m"})", nullptr, "id"},
           Case{R"(5)", nullptr, "object"},
       }) {
    const Message message = read(wrong.text);
    const auto* invalid = std::get_if<InvalidMessage>(&message);
    ASSERT_NE(invalid, nullptr) << wrong.text;
    EXPECT_EQ(invalid->id, wrong.id) << wrong.text;
    EXPECT_THAT(invalid->problem, testing::HasSubstr(wrong.problem));
  }
}

TEST(JsonRpc, AnIdTooLongToSendBackIsNone) {
  const Message message =
      read(R"({"jsonrpc":"2.0","method":"m","id":")" + std::string(max_id_bytes + 1, 'x') + "\"}");
  ASSERT_TRUE(std::holds_alternative<InvalidMessage>(message));
  EXPECT_TRUE(std::get<InvalidMessage>(message).id.is_null());
}

TEST(JsonRpc, AnswersAreOneLine) {
  EXPECT_EQ(result_answer(1, {{"text", "a\nb"}}).text,
            R"({"jsonrpc":"2.0","id":1,"result":{"text":"a\nb"}})");
  const Answer error = error_answer("x", error_code::invalid_params, "no", {{"k", 1}});
  EXPECT_EQ(error.error_code, error_code::invalid_params);
  EXPECT_EQ(error.text,
            R"({"jsonrpc":"2.0","id":"x","error":{"code":-32602,"message":"no","data":{"k":1}}})");
  EXPECT_EQ(to_text("\xff\xfe"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}

}  // namespace
}  // namespace omnisandbox::mcp
