#include "linux/file_system.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace omnisandbox::linux_ {
namespace {

class FileSystem : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "omnisandbox-linux-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(folder_ / "file") << "content";
    std::filesystem::create_directory(folder_ / "inner");
    std::filesystem::create_symlink("file", folder_ / "link");
    std::filesystem::create_symlink("/etc/passwd", folder_ / "outside");
    directory_ = Fd(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(directory_.is_open());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
  Fd directory_;
};

TEST_F(FileSystem, OpensExactlyWhatIsWritten) {
  auto file = open_at2(directory_.get(), "file", O_RDONLY, 0, resolve_exactly);
  ASSERT_TRUE(file) << file.error().message;
  std::array<std::byte, 64> buffer;
  EXPECT_EQ(read_full(*file, buffer).value(), 7u);
  EXPECT_EQ(::fcntl(file->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

  EXPECT_EQ(open_at2(directory_.get(), "link", O_RDONLY, 0, resolve_exactly).error().system_errno,
            ELOOP);
  EXPECT_EQ(
      open_at2(directory_.get(), "outside", O_RDONLY, 0, resolve_exactly).error().system_errno,
      ELOOP);
  EXPECT_EQ(open_at2(directory_.get(), "../x", O_RDONLY, 0, resolve_exactly).error().system_errno,
            EXDEV);
  EXPECT_EQ(
      open_at2(directory_.get(), "/etc/passwd", O_RDONLY, 0, resolve_exactly).error().system_errno,
      EXDEV);
  EXPECT_EQ(open_at2(directory_.get(), std::string_view("fi\0le", 5), O_RDONLY, 0, resolve_exactly)
                .error()
                .kind,
            ErrorKind::invalid_argument);
  EXPECT_EQ(open_at2(directory_.get(), std::string(300, 'a'), O_RDONLY, 0, resolve_exactly)
                .error()
                .system_errno,
            ENAMETOOLONG);
}

TEST_F(FileSystem, ReadsLinksAndStatusWithoutFollowing) {
  EXPECT_EQ(read_link_at(directory_, "outside").value(), "/etc/passwd");
  EXPECT_EQ(read_link_at(directory_, "file").error().system_errno, EINVAL);
  EXPECT_TRUE(S_ISLNK(stat_at(directory_, "link").value().st_mode));
  EXPECT_TRUE(S_ISDIR(stat_of(directory_).value().st_mode));
}

TEST_F(FileSystem, ListsUpToTheLimit) {
  auto entries = list_directory(directory_, 10);
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_EQ(entries->size(), 4u);
  EXPECT_EQ(list_directory(directory_, 3).error().kind, ErrorKind::limit);
  EXPECT_EQ(list_directory(directory_, 4).value().size(), 4u)
      << "a second listing starts at the beginning";
}

TEST_F(FileSystem, WritesAllAndReadsAtOffsets) {
  auto file = open_at2(directory_.get(), "new", O_RDWR | O_CREAT | O_EXCL, 0600, resolve_exactly);
  ASSERT_TRUE(file) << file.error().message;
  const std::string text(100'000, 'x');
  ASSERT_TRUE(write_full(*file, std::as_bytes(std::span(text))));
  std::array<std::byte, 64> buffer;
  EXPECT_EQ(read_full_at(*file, buffer, 99'990).value(), 10u);
  EXPECT_EQ(read_full_at(*file, buffer, 200'000).value(), 0u);
  EXPECT_EQ(open_at2(directory_.get(), "new", O_RDWR | O_CREAT | O_EXCL, 0600, resolve_exactly)
                .error()
                .kind,
            ErrorKind::already_exists);
}

TEST(FdOwnership, ClosesOnceAndMoves) {
  Fd first(::dup(0));
  const int number = first.get();
  Fd second = std::move(first);
  EXPECT_FALSE(
      first.is_open());  // NOLINT(bugprone-use-after-move): the moved-from state is what is tested
  EXPECT_EQ(second.get(), number);
  second.reset();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace omnisandbox::linux_
