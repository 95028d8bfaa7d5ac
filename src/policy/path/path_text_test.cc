#include "policy/path/path_text.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace omnisandbox::policy {
namespace {

TEST(PathText, SpellingsOfOnePathBecomeOne) {
  for (const char* text : {"/a/b", "//a//b", "/./a/./b", "/a/b/", "/a/b/.", "///a/././/b//"}) {
    const auto parsed = parse_path(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->path, "/a/b") << text;
    EXPECT_FALSE(parsed->has_parent_steps) << text;
  }
  EXPECT_EQ(parse_path("/")->path, "/");
  EXPECT_EQ(parse_path("//./")->path, "/");
}

TEST(PathText, AParentStepIsKeptBecauseOnlyAWalkKnowsWhereItLeads) {
  const auto parsed = parse_path("/a/../b");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->path, "/a/../b");
  EXPECT_TRUE(parsed->has_parent_steps);
  EXPECT_FALSE(parse_path("/a..b/..c/d..")->has_parent_steps);
}

TEST(PathText, ATrailingSlashDemandsADirectory) {
  EXPECT_FALSE(parse_path("/a")->wants_directory);
  EXPECT_TRUE(parse_path("/a/")->wants_directory);
  EXPECT_TRUE(parse_path("/a/.")->wants_directory);
  EXPECT_TRUE(parse_path("/a/..")->wants_directory);
  EXPECT_TRUE(parse_path("/")->wants_directory);
}

TEST(PathText, WhatNoFileCanBeCalledIsRefused) {
  const auto errno_of = [](std::string_view text) {
    const auto parsed = parse_path(text);
    EXPECT_FALSE(parsed);
    EXPECT_EQ(parsed.error().kind, ErrorKind::invalid_argument);
    return parsed.error().system_errno;
  };
  EXPECT_EQ(errno_of(""), ENOENT);
  EXPECT_EQ(errno_of("a/b"), EINVAL);
  EXPECT_EQ(errno_of(std::string_view("/a\0b", 4)), EINVAL);
  EXPECT_EQ(errno_of("/" + std::string(256, 'x')), ENAMETOOLONG);
  EXPECT_EQ(errno_of(std::string(5000, '/')), ENAMETOOLONG);
  EXPECT_TRUE(parse_path("/" + std::string(255, 'x')));
  EXPECT_TRUE(parse_path(std::string(4095, '/')));
}

TEST(PathText, BytesThatAreNotTextAreNamesAllTheSame) {
  EXPECT_EQ(parse_path("/\xff\xfe/x")->path, "/\xff\xfe/x");
}

TEST(PathText, BeneathIsByComponentNotByPrefix) {
  EXPECT_TRUE(is_at_or_beneath("/work", "/work"));
  EXPECT_TRUE(is_at_or_beneath("/work/x", "/work"));
  EXPECT_FALSE(is_at_or_beneath("/work-evil", "/work"));
  EXPECT_FALSE(is_at_or_beneath("/wor", "/work"));
  EXPECT_TRUE(is_at_or_beneath("/anything", "/"));
  EXPECT_TRUE(is_at_or_beneath("/", "/"));
}

TEST(PathText, PartsOfAPath) {
  EXPECT_EQ(join("/", "a"), "/a");
  EXPECT_EQ(join("/a", "b"), "/a/b");
  EXPECT_EQ(parent_of("/a/b"), "/a");
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("/"), "/");
  EXPECT_EQ(last_component_of("/a/b"), "b");
  EXPECT_EQ(last_component_of("/"), "");
}

}  // namespace
}  // namespace omnisandbox::policy
