#include "mcp/parameters.h"

#include <gmock/gmock.h>

namespace omnisandbox::mcp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

const std::vector<Parameter>& table() {
  static const std::vector<Parameter> parameters = {
      {.name = "path", .presence = Presence::required, .description = "a path"},
      {.name = "mode", .description = "a mode", .choices = {"fast", "slow"}},
      {.name = "offset", .type = ParameterType::count, .description = "bytes"},
      {.name = "timeout", .type = ParameterType::seconds, .description = "seconds"},
      {.name = "args", .type = ParameterType::text_list, .description = "words"},
      {.name = "headers", .type = ParameterType::text_map, .description = "pairs"}};
  return parameters;
}

Expected<Arguments> read(const char* json) {
  return Arguments::read(table(), ParsedJson::parse(json));
}

TEST(Parameters, SchemaSaysWhatIsAccepted) {
  const Json schema = input_schema(table());
  EXPECT_EQ(schema["type"], "object");
  EXPECT_EQ(schema["required"], Json::array({"path"}));
  EXPECT_EQ(schema["additionalProperties"], false);
  EXPECT_EQ(schema["properties"]["mode"]["enum"], Json::array({"fast", "slow"}));
  EXPECT_EQ(schema["properties"]["args"]["items"]["type"], "string");
  EXPECT_EQ(schema["properties"]["mode"]["nullable"], true);
  EXPECT_FALSE(schema["properties"]["path"].contains("nullable"));
  EXPECT_EQ(schema["properties"].size(), table().size());
}

TEST(Parameters, ReadsEachType) {
  const auto arguments = read(R"({"path":"/a","mode":"slow","offset":5.0,"timeout":0.25,
                                  "args":["x",""],"headers":{"A":"b"}})");
  ASSERT_TRUE(arguments) << arguments.error().message;
  EXPECT_EQ(arguments->text("path"), "/a");
  EXPECT_EQ(arguments->text("mode"), "slow");
  EXPECT_EQ(arguments->count("offset"), 5U);
  EXPECT_EQ(arguments->seconds("timeout"), 250ms);
  EXPECT_THAT(arguments->text_list("args"), ElementsAre("x", ""));
  EXPECT_THAT(arguments->text_map("headers"), ElementsAre(std::pair("A", "b")));
}

TEST(Parameters, WhatIsLeftOutOrNullIsNotThere) {
  const auto arguments = read(R"({"path":"","mode":null})");
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->optional_text("mode"), std::nullopt);
  EXPECT_EQ(arguments->count("offset"), std::nullopt);
  EXPECT_EQ(arguments->seconds("timeout"), std::nullopt);
  EXPECT_TRUE(arguments->text_list("args").empty());
}

TEST(Parameters, HugeTimeoutsDoNotOverflow) {
  const auto arguments = read(R"({"path":"","timeout":1e300})");
  ASSERT_TRUE(arguments);
  EXPECT_GT(*arguments->seconds("timeout"), 24h);
  EXPECT_GE(*read(R"({"path":"","timeout":1e-300})")->seconds("timeout"), 1ms);
}

TEST(Parameters, SaysWhatIsWrongAndWhatToWrite) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "\"path\" is missing"},
      {R"({"path":null})", "must be a string"},
      {R"({"path":5})", "must be a string"},
      {R"({"path":"","mode":"quick"})", "fast, slow"},
      {R"({"path":"","offset":-1})", "whole number"},
      {R"({"path":"","offset":1.5})", "whole number"},
      {R"({"path":"","offset":1e30})", "whole number"},
      {R"({"path":"","timeout":0})", "above 0"},
      {R"({"path":"","timeout":"5s"})", "number"},
      {R"({"path":"","args":"x"})", "list of strings"},
      {R"({"path":"","args":[1]})", "list of strings"},
      {R"({"path":"","headers":{"a":1}})", "values are strings"},
      {R"({"path":"","pth":1})", "did you mean \"path\"?"},
      {R"({"path":"","zzzzzzzzzz":1})", "the arguments are path"},
  };
  for (const auto& [json, problem] : cases) {
    const auto arguments = read(json);
    ASSERT_FALSE(arguments) << json;
    EXPECT_EQ(arguments.error().kind, ErrorKind::invalid_argument);
    EXPECT_THAT(arguments.error().message, HasSubstr(problem)) << json;
  }
}

}  // namespace
}  // namespace omnisandbox::mcp
