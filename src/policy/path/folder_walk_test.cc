#include "policy/path/folder_walk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "linux/test_deep_folder.h"
#include "linux/test_ordinary_user.h"
#include "linux/test_scarce_descriptors.h"
#include "policy/limits.h"

namespace omnisandbox::policy {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Notes : public FolderVisitor {
 public:
  Expected<void> look(const linux_::Fd&, std::string_view below,
                      std::span<const linux_::RawDirectoryEntry> entries,
                      std::vector<std::string>& entered) override {
    looked.emplace_back(below);
    for (const auto& entry : entries) {
      entered.push_back(entry.name);
    }
    return {};
  }
  Expected<void> find_closed(std::string_view below) override {
    closed.emplace_back(below);
    return {};
  }

  std::vector<std::string> looked;
  std::vector<std::string> closed;
};

class FolderWalks : public testing::Test {
 protected:
  FolderWalks() {
    std::string path = "/tmp/omnisandbox-walk-XXXXXX";
    root_ = ::mkdtemp(path.data());
    std::filesystem::permissions(root_, std::filesystem::perms(0755));
  }
  ~FolderWalks() override {
    std::filesystem::permissions(root_, std::filesystem::perms(0755));
    std::filesystem::remove_all(root_);
  }

  void make(const std::string& path) const { std::filesystem::create_directories(root_ / path); }
  linux_::Fd opened() const { return linux_::Fd(::open(root_.c_str(), O_PATH | O_CLOEXEC)); }

  std::filesystem::path root_;
};

TEST_F(FolderWalks, EverythingBelowIsLookedAtOnce) {
  make("a/b");
  make("c");
  std::ofstream(root_ / "file") << "x";
  std::filesystem::create_symlink("/etc", root_ / "link");
  Notes notes;
  ASSERT_TRUE(FolderWalk(notes, {.max_entries = 10}).walk(opened(), 1));
  EXPECT_THAT(notes.looked, UnorderedElementsAre("", "a", "a/b", "c"));
  EXPECT_THAT(notes.closed, IsEmpty());
}

TEST_F(FolderWalks, WhatThisUserCannotSearchIsClosedWhateverHeCanList) {
  for (const char* name : {"none", "listed", "searched"}) {
    make(name);
  }
  make("open/inner");
  std::filesystem::permissions(root_ / "none", std::filesystem::perms(0));
  std::filesystem::permissions(root_ / "listed", std::filesystem::perms(0444));
  std::filesystem::permissions(root_ / "searched", std::filesystem::perms(0111));
  Notes notes;
  const bool works = linux_::as_ordinary_user(
      [&] { EXPECT_TRUE(FolderWalk(notes, {.max_entries = 100}).walk(opened(), 1)); });
  for (const char* name : {"none", "listed", "searched"}) {
    std::filesystem::permissions(root_ / name, std::filesystem::perms(0755));
  }
  if (!works) GTEST_SKIP() << "root cannot become an ordinary user here";
  EXPECT_THAT(notes.closed, UnorderedElementsAre("none", "listed", "searched"));
  EXPECT_THAT(notes.looked, UnorderedElementsAre("", "open", "open/inner"));
}

// Deeper than any path can name, made by who changes into each.
TEST_F(FolderWalks, DepthCostsNeitherStackNorDescriptorsAndIsClosedWherePathsEnd) {
  constexpr std::size_t depth = 2'300;
  const linux_::DeepFolder deep(root_.string(), depth);
  Notes notes;
  const linux_::Fd root = opened();
  {
    const linux_::ScarceDescriptors scarce(linux_::can_be_without_descriptors ? 3 : 100);
    const auto done =
        FolderWalk(notes, {.max_entries = 2 * depth}).walk(root, root_.native().size());
    EXPECT_TRUE(done) << done.error().message;
  }
  ASSERT_EQ(notes.closed.size(), 1U);
  // Names of any length fit in all that was looked at.
  const std::size_t longest = max_path_bytes - 255 - root_.native().size() - 2;
  EXPECT_LE(notes.looked.back().size(), longest);
  EXPECT_GT(notes.closed[0].size(), longest);
}

TEST_F(FolderWalks, BoundsHold) {
  make("a");
  make("b");
  Notes notes;
  const auto many = FolderWalk(notes, {.max_entries = 1}).walk(opened(), 1);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().kind, ErrorKind::too_large);
  make("a/c");
  const auto altogether = FolderWalk(notes, {.max_entries = 2}).walk(opened(), 1);
  ASSERT_FALSE(altogether);
  EXPECT_EQ(altogether.error().kind, ErrorKind::too_large);
  const auto late = FolderWalk(notes, {.max_entries = 10, .deadline = {}}).walk(opened(), 1);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, ErrorKind::timeout);
}

TEST_F(FolderWalks, AnErrorThatSaysNothingAboutTheFolderEndsTheWalk) {
  Notes notes;
  const linux_::Fd root = opened();
  if (!linux_::can_be_without_descriptors) GTEST_SKIP();
  const linux_::ScarceDescriptors scarce(0);
  const auto done = FolderWalk(notes, {.max_entries = 10}).walk(root, 1);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().system_errno, EMFILE);
  EXPECT_THAT(notes.closed, IsEmpty());
}

}  // namespace
}  // namespace omnisandbox::policy
