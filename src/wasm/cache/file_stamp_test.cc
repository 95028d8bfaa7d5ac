#include "wasm/cache/file_stamp.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <array>
#include <thread>

#include "linux/file_system.h"
#include "wasm/cache/test_changed_files.h"
#include "wasm/test_support.h"

namespace omnisandbox::wasm {
namespace {

using std::chrono::system_clock;

constexpr std::chrono::hours later{1};

class FileStamps : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!keeps_stamps(folder_.path())) {
      GTEST_SKIP() << "the file system of " << folder_.path() << " is not ext4, XFS or Btrfs";
    }
    folder_.write("file", "content");
  }
  std::string path() const { return folder_.file("file"); }
  static bool is_lasting(const std::string& file, system_clock::time_point now) {
    return lasting_stamp(open_test_file(file), now).has_value();
  }

  TestFolder folder_;
};

TEST_F(FileStamps, LastWhenTheFileIsQuietAndNotWhenTheClockWasSetBack) {
  const auto now = system_clock::now();
  EXPECT_FALSE(is_lasting(path(), now));
  EXPECT_FALSE(is_lasting(path(), now + quiet_time - std::chrono::milliseconds(500)));
  EXPECT_TRUE(is_lasting(path(), now + quiet_time + std::chrono::milliseconds(500)));
  EXPECT_FALSE(is_lasting(path(), now - later));
  EXPECT_FALSE(is_lasting(folder_.path(), now + later));
}

TEST_F(FileStamps, DoNotLastWhileSomebodyCouldWriteWithoutAChangeOfTime) {
  const auto now = system_clock::now() + later;
  {
    const auto writer = open_test_file(path(), O_WRONLY);
    EXPECT_FALSE(is_lasting(path(), now));
  }
  void* mapped = MAP_FAILED;
  {
    const auto writer = open_test_file(path(), O_RDWR);
    mapped = ::mmap(nullptr, 1, PROT_READ | PROT_WRITE, MAP_SHARED, writer.get(), 0);
  }
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_FALSE(is_lasting(path(), now));
  ::munmap(mapped, 1);
  EXPECT_TRUE(is_lasting(path(), now));
}

TEST_F(FileStamps, ChangeWithEveryChange) {
  for (const WayToChange& way : ways_to_change) {
    const auto before = lasting_stamp(open_test_file(path()), system_clock::now() + later);
    ASSERT_TRUE(before) << way.name;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a clock tick
    change_unseen(way, path(), "CONTENT");
    const auto after = linux_::stat_of(open_test_file(path()));
    ASSERT_TRUE(after);
    EXPECT_EQ(folder_.read("file"), "CONTENT") << way.name;
    EXPECT_NE(stamp_of(*after), *before) << way.name;
    EXPECT_EQ(stamp_of(*after).modified_ns, before->modified_ns) << way.name;
  }
}

TEST_F(FileStamps, DoNotLastWhereAWriteThroughAMappingLeavesTheTime) {
  const auto shared_memory = linux_::file_system_of(open_test_file("/dev/shm"));
  if (!shared_memory || shared_memory->magic != 0x01021994) {
    GTEST_SKIP() << "/dev/shm is no tmpfs";
  }
  std::string file = "/dev/shm/omnisandbox-stamp-XXXXXX";
  linux_::Fd(::mkstemp(file.data())).reset();
  EXPECT_FALSE(is_lasting(file, system_clock::now() + later));
  std::filesystem::remove(file);
}

// The raw calls change the calling thread alone; it cannot ask for leases on others' files then.
void become(unsigned user) {
  ASSERT_EQ(::syscall(SYS_setgroups, 0, nullptr), 0);
  ASSERT_EQ(::syscall(SYS_setresgid, user, user, user), 0);
  ASSERT_EQ(::syscall(SYS_setresuid, user, user, user), 0);
}

TEST_F(FileStamps, LastForAnOrdinaryUserWhereHeOrRootAloneCanWrite) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can give files away";
  }
  constexpr unsigned user = 65534;
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  const auto now = system_clock::now() + later;
  struct Case {
    const char* name;
    unsigned owner;
    unsigned mode;
    bool expected;
  };
  constexpr std::array cases{Case{"own", user, 0600, true}, Case{"root's alone", 0, 0644, true},
                             Case{"root's for a group", 0, 0664, false},
                             Case{"root's for all", 0, 0646, false},
                             Case{"somebody else's", 12'345, 0644, false}};
  for (const Case& tested : cases) {
    folder_.write(tested.name, "content");
    ASSERT_EQ(::chmod(folder_.file(tested.name).c_str(), tested.mode), 0);
    ASSERT_EQ(::chown(folder_.file(tested.name).c_str(), tested.owner, tested.owner), 0);
  }
  std::thread([&] {
    become(user);
    for (const Case& tested : cases) {
      EXPECT_EQ(is_lasting(folder_.file(tested.name), now), tested.expected) << tested.name;
    }
  }).join();
}

}  // namespace
}  // namespace omnisandbox::wasm
