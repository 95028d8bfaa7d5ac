#include <gmock/gmock.h>

#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

namespace fs = std::filesystem;

class PathNames : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    use(config());
  }
  void use(Config config) {
    guest_ = guest_under(std::move(config));
    work_ = guest_->preopen(path("work"));
    docs_ = guest_->preopen(path("docs"));
  }
  std::unique_ptr<TestGuest> guest_;
  GuestFd work_ = 0;
  GuestFd docs_ = 0;
};

TEST_F(PathNames, FilesAndFoldersAreRenamed) {
  EXPECT_EQ(guest_->rename(work_, "note.txt", work_, "sub/moved.txt"), Errno::success);
  EXPECT_EQ(content("work/sub/moved.txt"), "a note");
  EXPECT_FALSE(exists("work/note.txt"));
  EXPECT_EQ(guest_->rename(work_, "sub/", work_, "folder"), Errno::success);
  EXPECT_EQ(guest_->rename(work_, "folder", work_, "sub/"), Errno::success);
  EXPECT_EQ(content("work/sub/deep.txt"), "deep");
  make_file("work/other.txt", "other");
  EXPECT_EQ(guest_->rename(work_, "other.txt", work_, "sub/deep.txt"), Errno::success);
  EXPECT_EQ(content("work/sub/deep.txt"), "other");
}

TEST_F(PathNames, RenamingFailsAsPosixSays) {
  make_file("work/file", "");
  fs::create_directory(path("work/empty"));
  EXPECT_EQ(guest_->rename(work_, "absent", work_, "x"), Errno::noent);
  EXPECT_EQ(guest_->rename(work_, "file", work_, "empty"), Errno::isdir);
  EXPECT_EQ(guest_->rename(work_, "empty", work_, "file"), Errno::notdir);
  EXPECT_EQ(guest_->rename(work_, "empty", work_, "sub"), Errno::notempty);
  EXPECT_EQ(guest_->rename(work_, "sub", work_, "sub/inside"), Errno::inval);
  EXPECT_EQ(guest_->rename(work_, "file/", work_, "x"), Errno::notdir);
  EXPECT_EQ(guest_->rename(work_, "file", work_, "x/"), Errno::notdir);
  EXPECT_TRUE(exists("work/file"));
}

TEST_F(PathNames, HardLinksNeedWritingOnBothSides) {
  EXPECT_EQ(guest_->link(work_, "note.txt", work_, "sub/linked"), Errno::success);
  EXPECT_EQ(content("work/sub/linked"), "a note");
  EXPECT_EQ(guest_->link(work_, "note.txt", work_, "sub/linked"), Errno::exist);
  EXPECT_EQ(guest_->link(work_, "sub", work_, "x"), Errno::perm);
  EXPECT_EQ(guest_->link(work_, "note.txt", work_, "x/"), Errno::noent);
  EXPECT_EQ(guest_->link(docs_, "manual.txt", work_, "x"), Errno::perm);
  EXPECT_FALSE(exists("work/x"));
  const Pointer text = guest_->put("note.txt");
  EXPECT_EQ(path_link(guest_->call(), work_, lookup_symlink_follow, text, 8, work_, text, 4),
            Errno::inval);
  // Both are names of one file now, and so not written to.
  EXPECT_EQ(guest_->open(work_, "note.txt", for_both()).error, Errno::perm);
  EXPECT_EQ(guest_->unlink(work_, "sub/linked"), Errno::success);
  EXPECT_EQ(guest_->open(work_, "note.txt", for_both()).error, Errno::success);
}

TEST_F(PathNames, AHardLinkToASymbolicLinkIsOneToTheLink) {
  fs::create_symlink("../outside/secret.txt", path("work/link"));
  EXPECT_EQ(guest_->link(work_, "link", work_, "second"), Errno::success);
  EXPECT_TRUE(fs::is_symlink(path("work/second")));
  EXPECT_EQ(guest_->open(work_, "second").error, Errno::perm);
}

TEST_F(PathNames, SymbolicLinksStayInside) {
  EXPECT_EQ(guest_->symlink("sub/deep.txt", work_, "a"), Errno::success);
  EXPECT_EQ(guest_->symlink("../note.txt", work_, "sub/b"), Errno::success);
  EXPECT_EQ(guest_->symlink("absent", work_, "c"), Errno::success);
  EXPECT_EQ(guest_->symlink("sub/..", work_, "d"), Errno::success);
  EXPECT_EQ(guest_->read(guest_->open(work_, "a").value).value, "deep");
  EXPECT_EQ(guest_->read(guest_->open(work_, "sub/b").value).value, "a note");
  // As openat() names it: beneath a folder, up to its root.
  const GuestFd sub = guest_->open(work_, "sub", for_listing()).value;
  EXPECT_EQ(guest_->symlink("../note.txt", sub, "e"), Errno::success);
  EXPECT_EQ(guest_->context().denial_count(), 0U);
  for (const std::string_view target :
       {"/", "/etc/passwd", "..", "../outside", "sub/../../outside", "./../docs", "sub/../.."}) {
    EXPECT_EQ(guest_->symlink(target, work_, "out"), Errno::perm) << target;
  }
  EXPECT_EQ(guest_->symlink("../../outside", work_, "sub/out"), Errno::perm);
  EXPECT_EQ(guest_->symlink(path("work/note.txt"), work_, "out"), Errno::perm);
  EXPECT_FALSE(exists("work/out"));
  EXPECT_FALSE(exists("work/sub/out"));
  EXPECT_EQ(guest_->context().denial_count(), 9U);
}

TEST_F(PathNames, SymbolicLinksNeedAFreeName) {
  EXPECT_EQ(guest_->symlink("x", work_, "note.txt"), Errno::exist);
  EXPECT_EQ(guest_->symlink("x", work_, "sub"), Errno::exist);
  EXPECT_EQ(guest_->symlink("x", work_, "sub/"), Errno::exist);
  EXPECT_EQ(guest_->symlink("x", work_, "note.txt/"), Errno::notdir);
  EXPECT_EQ(guest_->symlink("x", work_, "new/"), Errno::noent);
  EXPECT_EQ(guest_->symlink("", work_, "new"), Errno::noent);
  EXPECT_EQ(guest_->symlink(std::string_view("a\0b", 3), work_, "new"), Errno::inval);
  EXPECT_EQ(guest_->symlink(std::string(5000, 'a'), work_, "new"), Errno::nametoolong);
  EXPECT_FALSE(exists("work/new"));
}

TEST_F(PathNames, AFolderWithARuleBeneathIsNotMoved) {
  fs::create_directories(path("work/conf/fixed"));
  fs::create_directories(path("work/home/.ssh"));
  make_file("work/conf/fixed/rule.txt", "fixed");
  make_file("work/home/.ssh/id_rsa", "key");
  fs::create_directories(path("work/around/project/.git"));
  make_file("work/around/project/.git/config", "[core]");
  Config nested = config();
  nested.allowed_paths.emplace_back(path("work/conf/fixed"), PathAccess::read);
  use(nested);
  // What a rule or a secret's name protects must not get out of its reach with its folder.
  EXPECT_EQ(guest_->rename(work_, "conf", work_, "conf2"), Errno::perm);
  EXPECT_EQ(guest_->rename(work_, "conf/fixed", work_, "free"), Errno::perm);
  EXPECT_EQ(guest_->rename(work_, "home/.ssh", work_, "home/ssh"), Errno::perm);
  EXPECT_EQ(guest_->link(work_, "home/.ssh/id_rsa", work_, "key"), Errno::perm);
  // Nor with a folder further up: whoever looks for secrets now would find it under neither name.
  EXPECT_EQ(guest_->rename(work_, "home", work_, "home2"), Errno::perm);
  EXPECT_EQ(guest_->rename(work_, "around", work_, "around2"), Errno::perm);
  EXPECT_THAT(guest_->context().denials().back().reason, testing::HasSubstr(".git/config"));
  EXPECT_EQ(guest_->open(work_, "home/.ssh/id_rsa").error, Errno::perm);
  EXPECT_EQ(guest_->open(work_, "conf/fixed/rule.txt", for_both()).error, Errno::perm);
  EXPECT_EQ(guest_->rename(work_, "sub", work_, "sub2"), Errno::success);
  EXPECT_EQ(content("work/conf/fixed/rule.txt"), "fixed");
  EXPECT_EQ(content("work/home/.ssh/id_rsa"), "key");
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
