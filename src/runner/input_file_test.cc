#include "runner/input_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "linux/file_system.h"

namespace omnisandbox::runner {
namespace {

ReadPiece reader_of(const linux_::Fd& file) {
  return [&file](std::span<std::byte> piece) { return linux_::read_full(file, piece); };
}

class InputFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "input_file_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return (folder_ / name).string();
  }
  std::filesystem::path folder_;
};

TEST_F(InputFile, ReadsAllBytes) {
  const std::string content = std::string(200'000, 'x') + std::string("\0\xff end", 6);
  const auto read = read_regular_file(file("a", content), "the module", 1'000'000);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, content);
}

TEST_F(InputFile, TheLimitItselfFitsAndOneByteMoreDoesNot) {
  const std::string path = file("a", std::string(1000, 'x'));
  EXPECT_TRUE(read_regular_file(path, "the module", 1000));
  const auto refused = read_regular_file(path, "the module", 999);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::too_large);
}

TEST_F(InputFile, AnAbsentFileIsNotFound) {
  const auto read = read_regular_file((folder_ / "absent").string(), "the module", 10);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::not_found);
}

TEST_F(InputFile, NeverWaitsOnAFifoOrReadsADeviceOrAFolder) {
  const std::string fifo = (folder_ / "fifo").string();
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {fifo, std::string("/dev/zero"), folder_.string()}) {
    const auto read = read_regular_file(path, "the module", 10);
    ASSERT_FALSE(read) << path;
    EXPECT_EQ(read.error().kind, ErrorKind::invalid_argument) << path;
  }
}

TEST_F(InputFile, AnEndlessStreamIsBounded) {
  const linux_::Fd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  const auto read = read_to_end(reader_of(zero), "standard input", 100'000);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, ErrorKind::too_large);
}

TEST_F(InputFile, AStreamInPiecesArrivesWhole) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const linux_::Fd reader(ends[0]);
  {
    const linux_::Fd writer(ends[1]);
    ASSERT_EQ(::write(writer.get(), "one ", 4), 4);
    ASSERT_EQ(::write(writer.get(), "two", 3), 3);
  }
  const auto read = read_to_end(reader_of(reader), "standard input", 100);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, "one two");
}

}  // namespace
}  // namespace omnisandbox::runner
