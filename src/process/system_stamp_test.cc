#include "process/system_stamp.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace omnisandbox::process {
namespace {

namespace fs = std::filesystem;

class SystemStampTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "system-stamp-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string at(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name) const { std::ofstream(at(name)) << name; }

  fs::path folder_;
};

TEST_F(SystemStampTest, ReplacedFilesAreNoticedAndOthersAreNot) {
  write("cache");
  write("other");
  SystemStamp stamp;
  stamp.note_identity(at("cache"));
  write("unrelated");
  EXPECT_TRUE(stamp.is_current());
  fs::rename(at("other"), at("cache"));
  EXPECT_FALSE(stamp.is_current());
}

TEST_F(SystemStampTest, WhatAppearsAndDisappearsIsNoticed) {
  write("here");
  SystemStamp there;
  there.note_identity(at("here"));
  SystemStamp absent;
  absent.note_identity(at("later"));
  EXPECT_TRUE(there.is_current());
  EXPECT_TRUE(absent.is_current());
  fs::remove(at("here"));
  write("later");
  EXPECT_FALSE(there.is_current());
  EXPECT_FALSE(absent.is_current());
}

TEST_F(SystemStampTest, ALinkIsItselfOrWhereItLeads) {
  write("old");
  write("new");
  fs::create_symlink("old", at("link"));
  SystemStamp content;
  content.note_content(at("link"));
  SystemStamp target;
  target.note_target(at("link"));
  EXPECT_TRUE(content.is_current());
  EXPECT_TRUE(target.is_current());

  fs::rename(at("new"), at("old"));
  EXPECT_TRUE(content.is_current()) << "the link says the same as before";
  EXPECT_FALSE(target.is_current());

  fs::remove(at("link"));
  fs::create_symlink("elsewhere", at("link"));
  EXPECT_FALSE(content.is_current());
}

TEST_F(SystemStampTest, NamesInAFolderCountAsItsContentOnly) {
  fs::create_directory(at("lib"));
  SystemStamp content;
  content.note_content(at("lib"));
  SystemStamp identity;
  identity.note_identity(at("lib"));
  EXPECT_TRUE(content.is_current());
  write("lib/python3");
  EXPECT_FALSE(content.is_current());
  EXPECT_TRUE(identity.is_current());
}

}  // namespace
}  // namespace omnisandbox::process
