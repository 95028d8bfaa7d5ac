#include "docker/file_stream.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace omnisandbox::docker {
namespace {

constexpr CopyLimits limits{.max_file_bytes = 100, .max_total_bytes = 150, .max_entries = 5};

std::string entry(init::EntryKind kind, std::string_view path, std::string_view content = {},
                  std::uint32_t mode = 0644) {
  const init::FileEntry header{.kind = kind,
                               .mode = mode,
                               .size_bytes = content.size(),
                               .path_bytes = static_cast<std::uint32_t>(path.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += path;
  bytes += content;
  return bytes;
}
std::string folder(std::string_view path = {}) {
  return entry(init::EntryKind::folder, path, {}, 0755);
}
std::string file(std::string_view path, std::string_view content = "x") {
  return entry(init::EntryKind::file, path, content);
}
std::string end() { return entry(init::EntryKind::end, {}); }

struct Taken {
  std::vector<CopiedFile> files;
  Expected<void> outcome{};
  bool is_complete = false;
};

Taken take(std::string_view bytes, std::size_t piece_bytes = 1'000'000) {
  Taken taken;
  FileStream stream(limits, [&](CopiedFile copied) -> Expected<void> {
    taken.files.push_back(std::move(copied));
    return {};
  });
  for (; !bytes.empty() && taken.outcome;
       bytes.remove_prefix(std::min(piece_bytes, bytes.size()))) {
    taken.outcome = stream.feed(bytes.substr(0, piece_bytes));
  }
  taken.is_complete = stream.is_complete();
  return taken;
}

TEST(FileStream, FilesAndFoldersComeOutHoweverTheyAreCut) {
  const std::string bytes = folder() + file("a", "one") + folder("sub") + file("sub/b", "") + end();
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    const Taken taken = take(bytes, size);
    ASSERT_TRUE(taken.outcome) << taken.outcome.error().message;
    ASSERT_EQ(taken.files.size(), 4U);
    EXPECT_TRUE(taken.files[0].is_folder);
    EXPECT_EQ(taken.files[1].path, "a");
    EXPECT_EQ(taken.files[1].content, "one");
    EXPECT_EQ(taken.files[1].mode, 0644U);
    EXPECT_EQ(taken.files[3].path, "sub/b");
    EXPECT_TRUE(taken.is_complete);
  }
  const Taken single = take(file("", "content") + end());
  ASSERT_EQ(single.files.size(), 1U);
  EXPECT_EQ(single.files[0].content, "content");
  EXPECT_FALSE(take(bytes.substr(0, bytes.size() - 1)).is_complete);
}

TEST(FileStream, NothingLeadsOutOrIsAnythingElse) {
  const std::vector<std::string> paths = {"../x",
                                          "a/../../x",
                                          "/etc/passwd",
                                          ".",
                                          "..",
                                          "a//b",
                                          "a/",
                                          "a/.",
                                          std::string("a\0b", 3),
                                          std::string(300, 'n')};
  for (const std::string& path : paths) {
    const Taken taken = take(folder() + file(path));
    EXPECT_FALSE(taken.outcome) << base::printable(path);
    EXPECT_EQ(taken.files.size(), 1U) << base::printable(path);
  }
  std::string deep = "d";
  for (unsigned depth = 1; depth < init::max_tree_depth; ++depth) deep += "/d";
  EXPECT_TRUE(take(folder() + folder(deep)).outcome);
  EXPECT_FALSE(take(folder() + folder(deep + "/d")).outcome);
  for (const auto kind : {3U, 4U, 0xffffffffU}) {
    EXPECT_FALSE(take(entry(static_cast<init::EntryKind>(kind), "")).outcome);
  }
  // Where one file was asked for, no other one comes.
  EXPECT_FALSE(take(file("", "content") + file("")).outcome);
  EXPECT_FALSE(take(file("other")).outcome);
  EXPECT_FALSE(take(folder() + end() + "x").outcome);
  // Permission bits alone: no set-user-id.
  const Taken taken = take(entry(init::EntryKind::file, "", "x", 0106755) + end());
  ASSERT_EQ(taken.files.size(), 1U);
  EXPECT_EQ(taken.files[0].mode, 0755U);
}

TEST(FileStream, LimitsHoldBeforeAnythingIsKept) {
  const auto kind_of = [](const Taken& taken) {
    return taken.outcome ? ErrorKind::internal : taken.outcome.error().kind;
  };
  EXPECT_EQ(kind_of(take(file("", std::string(101, 'x')))), ErrorKind::too_large);
  EXPECT_TRUE(take(file("", std::string(100, 'x'))).outcome);
  const std::string half(90, 'x');
  EXPECT_EQ(kind_of(take(folder() + file("a", half) + file("b", half))), ErrorKind::too_large);
  EXPECT_EQ(
      kind_of(take(folder() + folder("a") + folder("b") + folder("c") + folder("d") + folder("e"))),
      ErrorKind::too_large);
  // Sizes that overflow, and announced content that never comes.
  init::FileEntry huge{.kind = init::EntryKind::file, .size_bytes = ~std::uint64_t{0}};
  std::string bytes = folder() + file("a", half);
  huge.path_bytes = 1;
  bytes.append(reinterpret_cast<const char*>(&huge), sizeof huge);
  EXPECT_EQ(kind_of(take(bytes + "b")), ErrorKind::too_large);
  huge.size_bytes = 0;
  huge.path_bytes = 1U << 31;
  EXPECT_FALSE(take(std::string(reinterpret_cast<const char*>(&huge), sizeof huge)).outcome);
}

}  // namespace
}  // namespace omnisandbox::docker
