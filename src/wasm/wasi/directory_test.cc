#include <sys/stat.h>

#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

namespace fs = std::filesystem;

class Directory : public WasiTest {
 protected:
  using WasiTest::WasiTest;
  void SetUp() override {
    WasiTest::SetUp();
    use(config());
  }
  void use(Config config) {
    guest_ = guest_under(std::move(config));
    work_ = guest_->preopen(path("work"));
  }
  std::unique_ptr<TestGuest> guest_;
  GuestFd work_ = 0;
};

/// In memory: a hundred thousand files on a disk take seconds.
class LargeDirectory : public Directory {
 protected:
  LargeDirectory() : Directory("/dev/shm") {}
};

TEST_F(Directory, ListsNamesTypesAndInodes) {
  fs::create_symlink("note.txt", path("work/link"));
  ASSERT_EQ(mkfifo(path("work/fifo").c_str(), 0600), 0);
  const auto listed = guest_->list(work_);
  ASSERT_EQ(listed.error, Errno::success);
  const auto& entries = listed.value.entries;
  ASSERT_EQ(entries.size(), 6U);
  EXPECT_EQ(entries.at("note.txt").filetype, FileType::regular_file);
  EXPECT_EQ(entries.at("sub").filetype, FileType::directory);
  EXPECT_EQ(entries.at("link").filetype, FileType::symbolic_link);
  EXPECT_EQ(entries.at("fifo").filetype, FileType::unknown);
  EXPECT_EQ(entries.at("note.txt").inode, guest_->stat_path(work_, "note.txt").value.inode);
  EXPECT_EQ(entries.at(".").inode, guest_->stat(work_).value.inode);
  EXPECT_EQ(entries.at("..").filetype, FileType::directory);
}

TEST_F(Directory, AnyBufferSizeGivesEveryNameOnce) {
  for (int index = 0; index < 200; ++index) {
    make_file("work/sub/file" + std::to_string(index), "");
  }
  const GuestFd sub = guest_->open(work_, "sub", for_listing()).value;
  const auto whole = guest_->list(sub, 64 * 1024);
  ASSERT_EQ(whole.value.entries.size(), 203U);
  EXPECT_EQ(whole.value.calls, 1U);
  for (const Size size : {40U, 64U, 100U, 256U, 4096U}) {
    const auto listed = guest_->list(sub, size);
    ASSERT_EQ(listed.error, Errno::success);
    EXPECT_EQ(listed.value.entries.size(), 203U);
    EXPECT_GT(listed.value.calls, 1U);
  }
}

TEST_F(Directory, AListingStaysWholeWhileTheFolderChanges) {
  for (int index = 0; index < 100; ++index) {
    make_file("work/sub/file" + std::to_string(index), "");
  }
  const GuestFd sub = guest_->open(work_, "sub", for_listing()).value;
  const Pointer buffer = guest_->reserve(256);
  const Pointer used = guest_->reserve(4);
  std::set<std::string> seen;
  std::uint64_t cookie = 0;
  for (;;) {
    ASSERT_EQ(fd_readdir(guest_->call(), sub, buffer, 256, cookie, used), Errno::success);
    const Size length = guest_->load<Size>(used);
    for (Size at = 0; at + sizeof(Dirent) <= length;) {
      const auto entry = guest_->load<Dirent>(buffer + at);
      const Size name_begin = at + static_cast<Size>(sizeof(Dirent));
      if (name_begin + entry.name_length > length) {
        break;
      }
      const std::string name(guest_->memory().text(buffer + name_begin, entry.name_length).value());
      EXPECT_TRUE(seen.insert(name).second);
      if (name != "." && name != "..") {
        fs::remove(path("work/sub/" + name));  // as `rm -r` does
      }
      cookie = entry.next_cookie;
      at = name_begin + entry.name_length;
    }
    if (length < 256) {
      break;
    }
  }
  EXPECT_EQ(seen.size(), 103U);
  EXPECT_EQ(guest_->names_in(sub), std::set<std::string>{});
}

TEST_F(Directory, BeginningAnewShowsWhatHasChanged) {
  EXPECT_EQ(guest_->names_in(work_), (std::set<std::string>{"note.txt", "sub"}));
  make_file("work/new.txt", "");
  EXPECT_EQ(guest_->names_in(work_), (std::set<std::string>{"new.txt", "note.txt", "sub"}));
}

TEST_F(Directory, NamesThatThePolicyHidesAreNotThere) {
  fs::create_directories(path("work/.git"));
  fs::create_directories(path("work/private"));
  make_file("work/.env", "PASSWORD=1");
  Config narrow = config();
  narrow.allowed_paths.emplace_back("**/.git", PathAccess::none);
  narrow.allowed_paths.emplace_back(path("work/private"), PathAccess::none);
  use(narrow);
  EXPECT_EQ(guest_->names_in(work_), (std::set<std::string>{"note.txt", "sub"}));
  EXPECT_EQ(guest_->context().denial_count(), 0U);
  EXPECT_EQ(guest_->open(work_, ".git").error, Errno::perm);
  EXPECT_EQ(guest_->open(work_, ".env").error, Errno::perm);
  EXPECT_EQ(guest_->open(work_, "private", for_listing()).error, Errno::perm);
  EXPECT_EQ(guest_->context().denial_count(), 3U);
}

TEST_F(LargeDirectory, IsAnErrorAndNotAShorterList) {
  const std::string many = path("work/sub");
  for (int index = 0; index < 100'001; ++index) {
    const std::string name = many + "/" + std::to_string(index);
    ASSERT_EQ(::mknod(name.c_str(), S_IFREG | 0600, 0), 0);
  }
  const GuestFd sub = guest_->open(work_, "sub", for_listing()).value;
  EXPECT_EQ(guest_->list(sub).error, Errno::nomem);
  for (int index = 0; index < 10; ++index) {
    fs::remove(many + "/" + std::to_string(index));
  }
  const auto listed = guest_->list(sub, 64 * 1024);
  EXPECT_EQ(listed.error, Errno::success);
  EXPECT_EQ(listed.value.entries.size(), 100'001U - 10 + 1 + 2);
}

TEST_F(Directory, WrongDescriptorsPointersAndCookiesAreRefused) {
  GuestCall& call = guest_->call();
  const Pointer place = guest_->reserve(256);
  EXPECT_EQ(fd_readdir(call, 99, place, 64, 0, place), Errno::badf);
  EXPECT_EQ(fd_readdir(call, 0, place, 64, 0, place), Errno::notdir);
  EXPECT_EQ(fd_readdir(call, guest_->open(work_, "note.txt").value, place, 64, 0, place),
            Errno::notdir);
  EXPECT_EQ(fd_readdir(call, work_, 0xFFFFFFF0, 64, 0, place), Errno::fault);
  EXPECT_EQ(fd_readdir(call, work_, place, 64, 0, 0xFFFFFFFE), Errno::fault);
  ASSERT_EQ(fd_readdir(call, work_, place, 64, ~0ULL, place + 128), Errno::success);
  EXPECT_EQ(guest_->load<Size>(place + 128), 0U);
  ASSERT_EQ(fd_readdir(call, work_, place, 0, 0, place + 128), Errno::success);
  EXPECT_EQ(guest_->load<Size>(place + 128), 0U);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
