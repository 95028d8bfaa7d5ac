#include "policy/command/argument_patterns.h"

#include <gtest/gtest.h>

#include <chrono>

namespace omnisandbox::policy {
namespace {

bool glob_matches(const std::string& glob, std::string_view argument) {
  const auto patterns = ArgumentPatterns::compile({glob}, {}, "rule");
  EXPECT_TRUE(patterns.has_value()) << glob << ": " << patterns.error().message;
  return patterns.has_value() && patterns->match(argument);
}

bool regex_matches(const std::string& regex, std::string_view argument) {
  const auto patterns = ArgumentPatterns::compile({}, {regex}, "rule");
  EXPECT_TRUE(patterns.has_value()) << regex << ": " << patterns.error().message;
  return patterns.has_value() && patterns->match(argument);
}

std::string glob_error(const std::string& glob) {
  const auto patterns = ArgumentPatterns::compile({glob}, {}, "rule");
  return patterns.has_value() ? "accepted" : patterns.error().message;
}

TEST(ArgumentPatterns, GlobsMatchWholeArguments) {
  EXPECT_TRUE(glob_matches("*.txt", "a/b.txt"));
  EXPECT_TRUE(glob_matches("*.txt", ".txt"));
  EXPECT_FALSE(glob_matches("*.txt", "a.txt.sh"));
  EXPECT_FALSE(glob_matches("*.txt", "aXtxt"));
  EXPECT_TRUE(glob_matches("a?c", "abc"));
  EXPECT_TRUE(glob_matches("a?c", "aéc"));
  EXPECT_FALSE(glob_matches("a?c", "ac"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_FALSE(glob_matches("", "x"));
  EXPECT_TRUE(glob_matches("", ""));
}

TEST(ArgumentPatterns, ALineEndIsACharacterLikeAnyOther) {
  EXPECT_TRUE(glob_matches("a*c", "a\nb\nc"));
  EXPECT_FALSE(glob_matches("status", "status\n"));
  EXPECT_FALSE(regex_matches("status", "status\n"));
  EXPECT_FALSE(regex_matches("status$", "status\n--evil"));
}

TEST(ArgumentPatterns, Sets) {
  EXPECT_TRUE(glob_matches("[a-c]x", "bx"));
  EXPECT_FALSE(glob_matches("[a-c]x", "dx"));
  EXPECT_TRUE(glob_matches("[!a-c]x", "dx"));
  EXPECT_FALSE(glob_matches("[^a-c]x", "ax"));
  EXPECT_TRUE(glob_matches("[]a]", "]"));
  EXPECT_TRUE(glob_matches("[a-]", "-"));
  EXPECT_TRUE(glob_matches("[\\]]", "]"));
  EXPECT_TRUE(glob_matches("[\\^a]", "^"));
  EXPECT_TRUE(glob_matches("[é-ü]", "ö"));
}

TEST(ArgumentPatterns, WhatMeansSomethingToRegexesMeansNothingInGlobs) {
  for (const std::string character : {".", "+", "(", ")", "|", "{", "}", "^", "$", "#", "-", "]"}) {
    EXPECT_TRUE(glob_matches("a" + character + "b", "a" + character + "b")) << character;
    EXPECT_FALSE(glob_matches("a" + character + "b", "ab")) << character;
  }
  EXPECT_TRUE(glob_matches("\\*", "*"));
  EXPECT_FALSE(glob_matches("\\*", "x"));
  EXPECT_FALSE(glob_matches("a|b", "a"));
}

TEST(ArgumentPatterns, RegexesMatchTheWholeArgument) {
  EXPECT_TRUE(regex_matches("[a-z]+", "abc"));
  EXPECT_FALSE(regex_matches("[a-z]+", "abc;rm"));
  EXPECT_FALSE(regex_matches("a|b", "ab"));
  EXPECT_TRUE(regex_matches("(?i)ABC", "abc"));
}

TEST(ArgumentPatterns, OneOfSeveralIsEnough) {
  const auto patterns = ArgumentPatterns::compile({"--*"}, {"[0-9]+"}, "rule");
  ASSERT_TRUE(patterns.has_value());
  EXPECT_TRUE(patterns->match("--all"));
  EXPECT_TRUE(patterns->match("12"));
  EXPECT_FALSE(patterns->match("x"));
}

TEST(ArgumentPatterns, BytesThatAreNotUtf8MatchNothing) {
  EXPECT_FALSE(glob_matches("*", "\xff"));
  EXPECT_FALSE(regex_matches(".*", "a\xc3"));
}

TEST(ArgumentPatterns, RefusesWhatIsNoPattern) {
  EXPECT_NE(glob_error("[a").find("has no \"]\""), std::string::npos) << glob_error("[a");
  EXPECT_NE(glob_error("a\\").find("quotes nothing"), std::string::npos);
  EXPECT_NE(glob_error("[z-a]").find("ends before it begins"), std::string::npos);
  EXPECT_NE(glob_error("[[:alpha:]]").find("named sets"), std::string::npos);
  EXPECT_NE(glob_error("\xff").find("UTF-8"), std::string::npos);
  EXPECT_NE(glob_error(std::string(5000, 'a')).find("longer than"), std::string::npos);
  for (const std::string regex : {"(", "[a", "a{2,1}", "*", "\\p{Nothing}", "(?P<a>",
                                  "((((a{100}){100}){100}){100})", "\xff"}) {
    const auto patterns = ArgumentPatterns::compile({}, {regex}, "allowed_commands[3]");
    ASSERT_FALSE(patterns.has_value()) << regex;
    EXPECT_EQ(patterns.error().kind, ErrorKind::invalid_argument);
    EXPECT_TRUE(patterns.error().message.starts_with("allowed_commands[3].arg_regexes[0] \""))
        << patterns.error().message;
  }
  EXPECT_FALSE(
      ArgumentPatterns::compile(std::vector<std::string>(101, "a"), {}, "rule").has_value());
}

// Patterns that take exponential time in backtracking matchers. The bound is generous: those take
// hours.
TEST(ArgumentPatterns, MatchingTimeIsLinear) {
  const std::string argument(100'000, 'a');
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*b", argument));
  EXPECT_FALSE(regex_matches("(a*)*b", argument));
  EXPECT_FALSE(regex_matches("(a|aa)+b", argument));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
}

}  // namespace
}  // namespace omnisandbox::policy
