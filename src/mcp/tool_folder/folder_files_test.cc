#include "mcp/tool_folder/folder_files.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/random_id.h"
#include "mcp/tool_folder/limits.h"

namespace omnisandbox::mcp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class FolderFiles : public testing::Test {
 protected:
  FolderFiles() { std::filesystem::create_directories(folder_); }
  ~FolderFiles() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name)) << content;
  }
  FolderLook look() const {
    auto looked = look_at(folder_.string());
    EXPECT_TRUE(looked) << looked.error().message;
    return looked ? *std::move(looked) : FolderLook{};
  }
  Expected<std::string> read(const std::string& name, std::uint64_t max_bytes = 100) const {
    for (const ComponentFiles& files : look().components) {
      if (files.component_name() == name) {
        return read_folder_file(folder_.string(), name, files.component, max_bytes);
      }
    }
    ADD_FAILURE() << name << " is not listed";
    return std::string();
  }
  std::string refusal(const std::string& name, std::uint64_t max_bytes = 100) const {
    const auto content = read(name, max_bytes);
    EXPECT_FALSE(content) << name;
    return content ? "" : content.error().message;
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("omnisandbox-tools-" + base::random_id());
};

TEST_F(FolderFiles, ComponentsWithWhatBelongsToThem) {
  write("b.wasm", "b");
  write("a.wasm", "a");
  write("a.policy.yaml", "version: 1");
  write("a.description.txt", "It is a.");
  write("README.md", "");
  write(".hidden.wasm", "");
  const FolderLook found = look();
  ASSERT_THAT(found.components, SizeIs(2));
  EXPECT_EQ(found.components[0].stem, "a");
  EXPECT_TRUE(found.components[0].policy);
  EXPECT_TRUE(found.components[0].description);
  EXPECT_EQ(found.components[1].stem, "b");
  EXPECT_FALSE(found.components[1].policy);
  EXPECT_THAT(found.problems, IsEmpty());
  EXPECT_EQ(*read("a.wasm"), "a");
}

TEST_F(FolderFiles, APolicyWithoutAComponentIsTold) {
  write("wrod-count.policy.yaml", "version: 1");
  EXPECT_THAT(look().problems, ElementsAre(HasSubstr("wrod-count.policy.yaml belongs to no tool")));
}

TEST_F(FolderFiles, AChangedFileIsAnotherOne) {
  write("a.wasm", "a");
  const auto before = look().components.at(0);
  EXPECT_EQ(look().components.at(0), before);
  std::filesystem::remove(path("a.wasm"));
  write("a.wasm", "b");
  EXPECT_NE(look().components.at(0), before);
  const auto content =
      read_folder_file(folder_.string(), "a.wasm", before.component, max_component_bytes);
  ASSERT_FALSE(content);
  EXPECT_THAT(content.error().message, HasSubstr("has changed"));
}

TEST_F(FolderFiles, OnlyRegularFilesAreRead) {
  write("secret.txt", "secret");
  std::filesystem::create_symlink(path("secret.txt"), path("link.wasm"));
  std::filesystem::create_symlink("/nowhere", path("dangling.wasm"));
  std::filesystem::create_directory(path("folder.wasm"));
  ASSERT_EQ(::mkfifo(path("fifo.wasm").c_str(), 0600), 0);
  EXPECT_THAT(refusal("link.wasm"), HasSubstr("symbolic link"));
  EXPECT_THAT(refusal("dangling.wasm"), HasSubstr("symbolic link"));
  EXPECT_THAT(refusal("folder.wasm"), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal("fifo.wasm"), HasSubstr("not a regular file"));
}

TEST_F(FolderFiles, WhatOthersMayWriteIsNotTrusted) {
  write("a.wasm", "a");
  std::filesystem::permissions(path("a.wasm"), std::filesystem::perms(0666));
  EXPECT_THAT(refusal("a.wasm"), HasSubstr("everybody may write"));
  std::filesystem::permissions(path("a.wasm"), std::filesystem::perms(0664));
  EXPECT_EQ(*read("a.wasm"), "a");
  std::filesystem::permissions(folder_, std::filesystem::perms(0777));
  EXPECT_FALSE(look_at(folder_.string()));
}

TEST_F(FolderFiles, LimitsHold) {
  write("a.wasm", std::string(100, 'a'));
  EXPECT_EQ(read("a.wasm", 100)->size(), 100U);
  EXPECT_THAT(refusal("a.wasm", 99), HasSubstr("larger than the limit"));
  std::filesystem::remove(path("a.wasm"));
  // Sparse: nothing of it is read.
  write("huge.wasm", "");
  std::filesystem::resize_file(path("huge.wasm"), std::uintmax_t{1} << 40U);
  EXPECT_THAT(refusal("huge.wasm", max_component_bytes), HasSubstr("larger than the limit"));
}

TEST_F(FolderFiles, MoreComponentsThanTheLimitAreLeftOutByName) {
  for (std::size_t index = 0; index <= max_components; ++index) {
    write("c" + std::to_string(10'000 + index) + ".wasm", "");
  }
  const FolderLook found = look();
  EXPECT_THAT(found.components, SizeIs(max_components));
  EXPECT_EQ(found.components.front().stem, "c10000");
  EXPECT_THAT(found.problems, ElementsAre(HasSubstr("more than 1024")));
}

TEST_F(FolderFiles, AFolderThatIsNoneIsAnError) {
  EXPECT_FALSE(look_at(path("absent")));
  write("file", "");
  EXPECT_FALSE(look_at(path("file")));
}

}  // namespace
}  // namespace omnisandbox::mcp
