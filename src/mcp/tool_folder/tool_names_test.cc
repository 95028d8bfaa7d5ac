#include "mcp/tool_folder/tool_names.h"

#include <gmock/gmock.h>

#include "mcp/tool_folder/limits.h"

namespace omnisandbox::mcp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<ExportedFunction> exported(const std::vector<std::string>& names) {
  std::vector<ExportedFunction> functions;
  for (const std::string& name : names) {
    functions.push_back({.name = name, .type_text = "func()"});
  }
  return functions;
}

std::vector<std::string> tools(const CallableFunctions& callable) {
  std::vector<std::string> names;
  for (const CallableFunction& function : callable.functions) {
    names.push_back(function.tool + (function.is_command ? " (command)" : ""));
  }
  return names;
}

TEST(ToolName, IsWhatClientsTake) {
  EXPECT_EQ(*tool_name("word-count_2"), "word-count_2");
  EXPECT_EQ(*tool_name("a b.c/d"), "a_b_c_d");
  EXPECT_EQ(*tool_name("\x1b[2J\n\"\xff"), "__2J___");
  EXPECT_EQ(*tool_name(std::string(max_tool_name_bytes, 'a')),
            std::string(max_tool_name_bytes, 'a'));
  EXPECT_FALSE(tool_name(""));
  EXPECT_FALSE(tool_name(std::string(max_tool_name_bytes + 1, 'a')));
}

TEST(CallableFunctions, OneIsTheToolAndSeveralAreAToolEach) {
  EXPECT_THAT(tools(callable_functions("t", exported({"count"}))), ElementsAre("t"));
  EXPECT_THAT(tools(callable_functions("t", exported({"a:b/c@1.0.0#count"}))), ElementsAre("t"));
  EXPECT_THAT(tools(callable_functions("t", exported({"count", "a:b/c@1.0.0#list-all"}))),
              ElementsAre("t_count", "t_list-all"));
  EXPECT_THAT(tools(callable_functions("t", exported({"go", "a:b/c@1.0.0#go", "a:b/d#go"}))),
              ElementsAre("t_go", "t_c_go", "t_d_go"));
}

TEST(CallableFunctions, OfWhatWasiAsksForOnlyTheProgram) {
  EXPECT_THAT(tools(callable_functions("t", exported({"wasi:cli/run@0.2.3#run"}))),
              ElementsAre("t (command)"));
  EXPECT_THAT(tools(callable_functions("t", exported({"wasi:cli/run@0.2.3#run", "go"}))),
              ElementsAre("t_run (command)", "t_go"));
  const auto none = callable_functions("t", exported({"wasi:http/incoming-handler@0.2.0#handle"}));
  EXPECT_THAT(none.functions, IsEmpty());
  EXPECT_THAT(none.problems, ElementsAre(HasSubstr("no function that could be called")));
}

TEST(CallableFunctions, WhatIsLeftOutIsTold) {
  auto functions = exported({"takes-a-handle", "go"});
  functions[0].fits_json = false;
  const auto callable = callable_functions("t", functions);
  EXPECT_THAT(tools(callable), ElementsAre("t"));
  EXPECT_THAT(callable.problems, ElementsAre(HasSubstr("takes-a-handle is left out")));

  const auto long_name =
      callable_functions(std::string(40, 'n'), exported({std::string(40, 'f'), "go"}));
  EXPECT_THAT(tools(long_name), ElementsAre(std::string(40, 'n') + "_go"));
  EXPECT_THAT(long_name.problems, ElementsAre(HasSubstr("longer than 64")));

  std::vector<std::string> many;
  for (std::size_t index = 0; index <= max_functions_per_component; ++index) {
    many.push_back("f" + std::to_string(index));
  }
  const auto cut = callable_functions("t", exported(many));
  EXPECT_THAT(cut.functions, SizeIs(max_functions_per_component));
  EXPECT_THAT(cut.problems, ElementsAre(HasSubstr("of its 65 functions")));
}

}  // namespace
}  // namespace omnisandbox::mcp
