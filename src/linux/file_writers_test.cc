#include "linux/file_writers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

namespace omnisandbox::linux_ {
namespace {

class FileWriters : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = (std::filesystem::temp_directory_path() / "omnisandbox-writers-XXXXXX").string();
    Fd made(::mkstemp(path_.data()));
    ASSERT_TRUE(made.is_open());
    ASSERT_EQ(::ftruncate(made.get(), 4096), 0);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  Fd open(int flags) const { return Fd(::open(path_.c_str(), flags | O_CLOEXEC)); }

  std::string path_;
};

TEST_F(FileWriters, AreSeenWhileTheyHaveTheFileOpenOrMapped) {
  const Fd reader = open(O_RDONLY);
  const Fd other_reader = open(O_RDONLY);
  EXPECT_TRUE(has_no_writer(reader));
  Fd writer = open(O_RDWR);
  EXPECT_FALSE(has_no_writer(reader));
  void* mapped = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  writer.reset();
  EXPECT_FALSE(has_no_writer(reader));
  ::munmap(mapped, 4096);
  EXPECT_TRUE(has_no_writer(reader));
  // Who asks must be able to hold the lease.
  EXPECT_FALSE(has_no_writer(open(O_WRONLY)));
}

TEST_F(FileWriters, AreNotHeldUpAndTheQuestionEndsNobody) {
  const Fd reader = open(O_RDONLY);
  std::atomic<bool> done = false;
  std::jthread asking([&] {
    while (!done) {
      has_no_writer(reader);
    }
  });
  // A lease that stayed would hold each of these up for the kernel's lease-break-time (45 s).
  const auto started = std::chrono::steady_clock::now();
  for (int round = 0; round < 2000; ++round) {
    EXPECT_TRUE(open(O_WRONLY).is_open());
  }
  done = true;
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(30));
}

}  // namespace
}  // namespace omnisandbox::linux_
