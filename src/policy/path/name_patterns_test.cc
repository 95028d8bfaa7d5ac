#include "policy/path/name_patterns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "policy/path/built_in_secrets.h"

namespace omnisandbox::policy {
namespace {

NamePatterns patterns_of(std::initializer_list<const char*> texts) {
  NamePatterns patterns;
  for (const char* text : texts) {
    auto pattern = parse_name_pattern(text);
    EXPECT_TRUE(pattern) << text;
    pattern->text = text;
    patterns.add(std::move(*pattern));
  }
  return patterns;
}

std::size_t depth_of(std::string_view path) {
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

std::string match(const NamePatterns& patterns, std::string_view path) {
  const NamePattern* found =
      patterns.strictest_ending_at(path, depth_of(path), PatternSource::built_in);
  return found == nullptr ? "" : found->text;
}

std::string begun(const NamePatterns& patterns, std::string_view path) {
  const NamePattern* found = patterns.begun_at(path, depth_of(path));
  return found == nullptr ? "" : found->text;
}

TEST(Wildcards, MatchOneComponent) {
  EXPECT_TRUE(matches_wildcards("key.pem", "*.pem"));
  EXPECT_TRUE(matches_wildcards(".pem", "*.pem"));
  EXPECT_FALSE(matches_wildcards("key.pem.txt", "*.pem"));
  EXPECT_TRUE(matches_wildcards("a.b.c", "a.*.c"));
  EXPECT_TRUE(matches_wildcards("aXbXc", "*X*"));
  EXPECT_FALSE(matches_wildcards("abc", "*X*"));
  EXPECT_TRUE(matches_wildcards("mississippi", "m*iss*p?"));
  EXPECT_TRUE(matches_wildcards("", "*"));
  EXPECT_FALSE(matches_wildcards("", "?"));
  EXPECT_FALSE(matches_wildcards("[a]", "[a-z]")) << "only * and ? are special";
}

TEST(Wildcards, AQuestionMarkIsOneCharacterOrOneByteThatIsNone) {
  EXPECT_TRUE(matches_wildcards("caf\xc3\xa9", "caf?"));
  EXPECT_TRUE(matches_wildcards("x\xff", "x?"));
  EXPECT_FALSE(matches_wildcards("xab", "x?"));
}

TEST(Wildcards, ManyStarsEndSoon) {
  const std::string name(255, 'a');
  std::string pattern;
  for (int i = 0; i < 120; ++i) {
    pattern += "*a";
  }
  EXPECT_TRUE(matches_wildcards(name, pattern));
  EXPECT_FALSE(matches_wildcards(name, pattern + "*b"));
}

TEST(NamePatterns, EveryKindOfComponentIsFound) {
  const auto patterns = patterns_of({"**/.git", "**/*.pem", "**/id_*", "**/*secret*", "**/a/b",
                                     "**/x*y", "**/q?", "**/very_long_beginning*z"});
  EXPECT_EQ(match(patterns, "/w/.git"), "**/.git");
  EXPECT_EQ(match(patterns, "/w/.github"), "");
  EXPECT_EQ(match(patterns, "/w/.git/x"), "") << "only what the path ends with";
  EXPECT_EQ(match(patterns, "/w/key.pem"), "**/*.pem");
  EXPECT_EQ(match(patterns, "/id_rsa"), "**/id_*");
  EXPECT_EQ(match(patterns, "/w/my_secret.txt"), "**/*secret*");
  EXPECT_EQ(match(patterns, "/w/a/b"), "**/a/b");
  EXPECT_EQ(match(patterns, "/a/b"), "**/a/b");
  EXPECT_EQ(match(patterns, "/b"), "");
  EXPECT_EQ(match(patterns, "/w/c/b"), "");
  EXPECT_EQ(match(patterns, "/w/x..y"), "**/x*y");
  EXPECT_EQ(match(patterns, "/w/xy"), "**/x*y");
  EXPECT_EQ(match(patterns, "/w/x"), "");
  EXPECT_EQ(match(patterns, "/w/q1"), "**/q?");
  EXPECT_EQ(match(patterns, "/w/very_long_beginningz"), "**/very_long_beginning*z");
}

TEST(NamePatterns, APatternFromTheRootMatchesNowhereElse) {
  const auto patterns = patterns_of({"/proc/*/mem", "/etc/shadow*"});
  EXPECT_EQ(match(patterns, "/proc/17/mem"), "/proc/*/mem");
  EXPECT_EQ(match(patterns, "/srv/proc/17/mem"), "");
  EXPECT_EQ(match(patterns, "/etc/shadow-"), "/etc/shadow*");
  EXPECT_EQ(match(patterns, "/srv/etc/shadow"), "");
}

TEST(NamePatterns, KnowWhatTheyMayMatchBeneath) {
  const auto patterns = patterns_of({"**/.config/gcloud", "**/se*/key", "/run/secrets", "**/.ssh"});
  EXPECT_EQ(begun(patterns, "/home/u/.config"), "**/.config/gcloud");
  EXPECT_EQ(begun(patterns, "/home/u/secret"), "**/se*/key");
  EXPECT_EQ(begun(patterns, "/run"), "/run/secrets");
  EXPECT_EQ(begun(patterns, "/x/run"), "");
  EXPECT_EQ(begun(patterns, "/home/u"), "") << "its name is not part of any pattern";
  EXPECT_EQ(begun(patterns, "/home/u/.ssh"), "") << "taken away itself";
}

TEST(NamePatterns, AnExceptionTakesNothingAwayBeneath) {
  NamePatterns patterns;
  auto exception = parse_name_pattern("**/.config/example");
  ASSERT_TRUE(exception);
  exception->source = PatternSource::built_in;
  exception->most = PathAccess::read_write;
  patterns.add(*std::move(exception));
  EXPECT_EQ(begun(patterns, "/home/u/.config"), "");
  EXPECT_EQ(match(patterns, "/home/u/.config/example"), "");
}

TEST(NamePatterns, NothingBeginsAtTheRootItself) {
  const auto patterns = patterns_of({"**/.config/gcloud", "**/*/key"});
  EXPECT_EQ(patterns.begun_at("/", 0), nullptr);
}

TEST(NamePatterns, MistakesAreRefused) {
  for (const char* text : {"**/", "**", "**//a", "**/a//b", "**/a/", "**/..", "**/./a", "**/a/**/b",
                           "**/a**", "", "a", "a/b"}) {
    EXPECT_FALSE(parse_name_pattern(text)) << text;
  }
  EXPECT_FALSE(parse_name_pattern(std::string_view("**/a\0b", 6)));
  EXPECT_FALSE(parse_name_pattern("**/" + std::string(256, 'a')));
  std::string deep = "**";
  for (int i = 0; i < 33; ++i) {
    deep += "/a";
  }
  EXPECT_FALSE(parse_name_pattern(deep));
}

TEST(BuiltInSecrets, AreValidPatternsWithReasonsAndNoneTwice) {
  std::vector<std::string_view> seen;
  for (const BuiltInSecret& secret : built_in_secrets()) {
    EXPECT_TRUE(parse_name_pattern(secret.pattern)) << secret.pattern;
    EXPECT_FALSE(secret.why.empty()) << secret.pattern;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), secret.pattern), 0) << secret.pattern;
    seen.push_back(secret.pattern);
  }
}

}  // namespace
}  // namespace omnisandbox::policy
