#include "runner/policy_source.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace omnisandbox::runner {
namespace {

namespace fs = std::filesystem;

class OwnFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "omnisandbox-own-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    write("version: 1\ncapabilities: [fs_read, fs_write]\nallowed_paths: [" + folder_.string() +
          "]\n");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& text) const { std::ofstream(policy_file()) << text; }
  std::string policy_file() const { return (folder_ / "policy.yaml").string(); }

  fs::path folder_;
};

bool allows(const LoadedPolicy& loaded, Capability capability, const fs::path& path) {
  return loaded.policy.explain(capability, path.string()).allowed;
}

TEST_F(OwnFiles, ToolsMayReadTheirPolicyButNotWriteIt) {
  const auto loaded = load_policy(policy_file());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(allows(*loaded, Capability::fs_read, policy_file()));
  EXPECT_FALSE(allows(*loaded, Capability::fs_write, policy_file()));
  EXPECT_TRUE(allows(*loaded, Capability::fs_write, folder_ / "other"));
  // The file's own content is what it was.
  EXPECT_EQ(loaded->file.config.allowed_paths.size(), 1U);
}

TEST_F(OwnFiles, TheAuditLogIsNotTheToolsWhetherItIsThereOrNot) {
  fs::create_directory(folder_ / "logs");
  fs::create_directory_symlink(folder_ / "logs", folder_ / "by-link");
  for (const bool exists : {false, true}) {
    if (exists) {
      std::ofstream(folder_ / "logs" / "audit.jsonl") << "{}\n";
    }
    const auto loaded =
        load_policy(policy_file(), audit_files((folder_ / "by-link" / "audit.jsonl").string()));
    ASSERT_TRUE(loaded) << loaded.error().message;
    for (const char* name : {"audit.jsonl", "audit.jsonl.1", "audit.jsonl.8"}) {
      for (const char* folder : {"logs", "by-link"}) {
        const fs::path log = folder_ / folder / name;
        EXPECT_FALSE(allows(*loaded, Capability::fs_read, log)) << log;
        EXPECT_FALSE(allows(*loaded, Capability::fs_write, log)) << log;
      }
    }
    EXPECT_TRUE(allows(*loaded, Capability::fs_write, folder_ / "logs" / "audit.jsonl.9"));
  }
  const std::string log = (folder_ / "logs" / "audit.jsonl").string();
  EXPECT_TRUE(
      allows(*load_policy(policy_file(), audit_files(log, 2)), Capability::fs_read, log + ".3"));
  // What another run has kept.
  for (const char* number : {".3", ".4"}) {
    std::ofstream(log + number) << "{}\n";
  }
  const auto loaded = load_policy(policy_file(), audit_files(log, 2));
  ASSERT_TRUE(loaded) << loaded.error().message;
  for (const char* number : {"", ".1", ".2", ".3", ".4"}) {
    EXPECT_FALSE(allows(*loaded, Capability::fs_read, log + number)) << number;
  }
  EXPECT_TRUE(allows(*loaded, Capability::fs_read, log + ".5"));
}

TEST_F(OwnFiles, WhatThePolicyDoesNotOpenNeedsNoRule) {
  write("version: 1\ncapabilities: [fs_read]\nallowed_paths: [/usr/share]\n");
  const auto loaded = load_policy(policy_file(), audit_files((folder_ / "audit.jsonl").string()));
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->policy.config().allowed_paths.size(), 1U);
}

}  // namespace
}  // namespace omnisandbox::runner
