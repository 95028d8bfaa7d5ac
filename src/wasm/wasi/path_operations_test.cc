#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

namespace fs = std::filesystem;

class PathOperations : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    guest_ = guest();
    work_ = guest_->preopen(path("work"));
    docs_ = guest_->preopen(path("docs"));
  }
  std::unique_ptr<TestGuest> guest_;
  GuestFd work_ = 0;
  GuestFd docs_ = 0;
};

TEST_F(PathOperations, FoldersAreMadeAndRemoved) {
  EXPECT_EQ(guest_->create_directory(work_, "a"), Errno::success);
  EXPECT_EQ(guest_->create_directory(work_, "a/b/"), Errno::success);
  EXPECT_TRUE(fs::is_directory(path("work/a/b")));
  EXPECT_EQ(guest_->create_directory(work_, "a"), Errno::exist);
  EXPECT_EQ(guest_->create_directory(work_, "."), Errno::exist);
  EXPECT_EQ(guest_->create_directory(work_, "note.txt"), Errno::exist);
  EXPECT_EQ(guest_->create_directory(work_, "absent/b"), Errno::noent);
  EXPECT_EQ(guest_->remove_directory(work_, "a"), Errno::notempty);
  EXPECT_EQ(guest_->remove_directory(work_, "a/b/"), Errno::success);
  EXPECT_EQ(guest_->remove_directory(work_, "a"), Errno::success);
  EXPECT_FALSE(exists("work/a"));
  EXPECT_EQ(guest_->remove_directory(work_, "note.txt"), Errno::notdir);
  EXPECT_EQ(guest_->remove_directory(work_, "note.txt/"), Errno::notdir);
  EXPECT_EQ(guest_->remove_directory(work_, "absent"), Errno::noent);
}

TEST_F(PathOperations, FilesAreRemovedByTheirName) {
  fs::create_symlink("../outside/secret.txt", path("work/link"));
  EXPECT_EQ(guest_->unlink(work_, "link"), Errno::success);
  EXPECT_FALSE(exists("work/link"));
  EXPECT_TRUE(exists("outside/secret.txt"));
  EXPECT_EQ(guest_->unlink(work_, "sub"), Errno::isdir);
  EXPECT_EQ(guest_->unlink(work_, "sub/"), Errno::isdir);
  EXPECT_EQ(guest_->unlink(work_, "note.txt/"), Errno::notdir);
  EXPECT_EQ(guest_->unlink(work_, "note.txt"), Errno::success);
  EXPECT_EQ(guest_->unlink(work_, "note.txt"), Errno::noent);
}

TEST_F(PathOperations, ARootItselfIsNotANameToActOn) {
  const auto before = snapshot("");
  for (const std::string_view name : {".", "./", "sub/..", "sub/."}) {
    EXPECT_EQ(guest_->remove_directory(work_, name), Errno::inval) << name;
    EXPECT_EQ(guest_->unlink(work_, name), Errno::inval) << name;
    EXPECT_EQ(guest_->rename(work_, name, work_, "x"), Errno::inval) << name;
    EXPECT_EQ(guest_->rename(work_, "sub", work_, name), Errno::inval) << name;
  }
  EXPECT_EQ(guest_->remove_directory(work_, ".."), Errno::inval);
  EXPECT_EQ(snapshot(""), before);
}

TEST_F(PathOperations, NothingOutsideOrReadOnlyChanges) {
  fs::create_symlink("../outside", path("work/out"));
  const auto before = snapshot("");
  std::uint64_t refusals = 0;
  for (const auto& [fd, name] : std::vector<std::pair<GuestFd, std::string>>{
           {docs_, "manual.txt"}, {work_, "../outside/secret.txt"}, {work_, "out/secret.txt"}}) {
    EXPECT_EQ(guest_->unlink(fd, name), Errno::perm) << name;
    EXPECT_EQ(guest_->remove_directory(fd, name), Errno::perm) << name;
    EXPECT_EQ(guest_->create_directory(fd, name + "2"), Errno::perm) << name;
    EXPECT_EQ(guest_->symlink("x", fd, name + "3"), Errno::perm) << name;
    EXPECT_EQ(guest_->set_times_path(fd, name, 1), Errno::perm) << name;
    EXPECT_EQ(guest_->rename(fd, name, work_, "stolen"), Errno::perm) << name;
    EXPECT_EQ(guest_->rename(work_, "note.txt", fd, name), Errno::perm) << name;
    EXPECT_EQ(guest_->link(fd, name, work_, "stolen"), Errno::perm) << name;
    EXPECT_EQ(guest_->link(work_, "note.txt", fd, name + "4"), Errno::perm) << name;
    refusals += 9;
  }
  EXPECT_EQ(guest_->set_times_path(work_, "out", 1), Errno::perm);
  EXPECT_EQ(snapshot(""), before);
  EXPECT_EQ(guest_->context().denial_count(), refusals + 1);
}

TEST_F(PathOperations, LookingUpFollowsLinksOrNot) {
  fs::create_symlink("note.txt", path("work/link"));
  fs::create_symlink("absent", path("work/dangling"));
  fs::create_symlink("../outside/secret.txt", path("work/out"));
  EXPECT_EQ(guest_->stat_path(work_, "link").value.filetype, FileType::regular_file);
  EXPECT_EQ(guest_->stat_path(work_, "link", 0).value.filetype, FileType::symbolic_link);
  EXPECT_EQ(guest_->stat_path(work_, "dangling").error, Errno::noent);
  EXPECT_EQ(guest_->stat_path(work_, "dangling", 0).value.filetype, FileType::symbolic_link);
  EXPECT_EQ(guest_->stat_path(work_, "out").error, Errno::perm);
  EXPECT_EQ(guest_->stat_path(work_, "out", 0).value.filetype, FileType::symbolic_link);
  EXPECT_EQ(guest_->stat_path(work_, "../outside/secret.txt").error, Errno::perm);
  EXPECT_EQ(guest_->stat_path(work_, "note.txt/").error, Errno::notdir);
  EXPECT_EQ(guest_->stat_path(work_, "sub/").value.filetype, FileType::directory);
  EXPECT_EQ(guest_->stat_path(work_, "note.txt", 2).error, Errno::inval);
  EXPECT_EQ(guest_->stat_path(docs_, "manual.txt").value.size_bytes, 8U);
}

TEST_F(PathOperations, TimesAreSetOnTheLinkOrOnWhatItLeadsTo) {
  fs::create_symlink("note.txt", path("work/link"));
  constexpr std::uint64_t link_time = 1'000'000'000'000;
  constexpr std::uint64_t file_time = 2'000'000'000'000;
  EXPECT_EQ(guest_->set_times_path(work_, "link", link_time, 0), Errno::success);
  EXPECT_EQ(guest_->set_times_path(work_, "link", file_time), Errno::success);
  EXPECT_EQ(guest_->stat_path(work_, "link", 0).value.modified_ns, link_time);
  EXPECT_EQ(guest_->stat_path(work_, "note.txt").value.modified_ns, file_time);
  EXPECT_EQ(guest_->set_times_path(work_, ".", file_time), Errno::success);
  EXPECT_EQ(guest_->stat(work_).value.modified_ns, file_time);
}

TEST_F(PathOperations, LinksAreReadAsFarAsTheyFit) {
  fs::create_symlink("note.txt", path("work/link"));
  EXPECT_EQ(guest_->readlink(work_, "link").value, "note.txt");
  EXPECT_EQ(guest_->readlink(work_, "link", 4).value, "note");
  EXPECT_EQ(guest_->readlink(work_, "note.txt").error, Errno::inval);
  EXPECT_EQ(guest_->readlink(work_, "absent").error, Errno::noent);
  EXPECT_EQ(guest_->readlink(work_, ".").error, Errno::inval);
  EXPECT_EQ(guest_->readlink(work_, "../outside").error, Errno::perm);
  const Pointer text = guest_->put("link");
  EXPECT_EQ(path_readlink(guest_->call(), work_, text, 4, 0xFFFFFFF0, 64, text), Errno::fault);
  EXPECT_EQ(path_readlink(guest_->call(), work_, text, 4, text, 4, 0xFFFFFFFE), Errno::fault);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
