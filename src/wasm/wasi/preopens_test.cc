#include "wasm/wasi/preopens.h"

#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

using Names = std::vector<std::string>;

class Preopens : public WasiTest {
 protected:
  static Config with(std::vector<PathRule> rules) {
    Config config;
    config.capabilities = {Capability::fs_read, Capability::fs_write};
    config.allowed_paths = std::move(rules);
    return config;
  }
};

TEST_F(Preopens, AreTheFoldersOfThePolicyInItsOrder) {
  EXPECT_EQ(guest()->preopen_names(), (Names{path("work"), path("docs")}));
}

TEST_F(Preopens, NeedACapability) {
  Config none = config();
  none.capabilities.clear();
  EXPECT_EQ(guest_under(none)->preopen_names(), Names{});
  Config writing = config();
  writing.capabilities = {Capability::fs_write};
  EXPECT_EQ(guest_under(writing)->preopen_names(), Names{path("work")});
  EXPECT_EQ(guest_under(Config{})->preopen_names(), Names{});
}

TEST_F(Preopens, AreNamedAsGuestsSeeThem) {
  auto guest = guest_under(with({PathRule(path("work"), PathAccess::read_write, "/"),
                                 PathRule(path("docs"), PathAccess::read, "/usr/share/docs")}));
  EXPECT_EQ(guest->preopen_names(), (Names{"/", "/usr/share/docs"}));
  const GuestFd root = guest->preopen("/");
  EXPECT_EQ(guest->read(guest->open(root, "sub/deep.txt").value).value, "deep");
  EXPECT_EQ(guest->open(root, "../outside/secret.txt").error, Errno::perm);
  EXPECT_EQ(guest->open(root, "..").error, Errno::perm);
}

TEST_F(Preopens, CanBeReopenedWithTheirOwnRights) {
  auto guest = this->guest();
  const GuestFd work = guest->preopen(path("work"));
  const auto stat = guest->fdstat(work).value;
  const auto again =
      guest->open(work, ".", {.base = stat.rights_base, .inheriting = stat.rights_inheriting});
  ASSERT_EQ(again.error, Errno::success);
  EXPECT_EQ(guest->names_in(again.value), guest->names_in(work));
  const Pointer place = guest->reserve(8);
  EXPECT_EQ(fd_prestat_get(guest->call(), again.value, place), Errno::badf);
}

TEST_F(Preopens, TheirNameFitsOrIsRefused) {
  auto guest = this->guest();
  const std::string name = path("work");
  const Pointer place = guest->reserve(name.size());
  const auto length = static_cast<Size>(name.size());
  EXPECT_EQ(fd_prestat_dir_name(guest->call(), 3, place, length - 1), Errno::nametoolong);
  EXPECT_EQ(fd_prestat_dir_name(guest->call(), 3, TestGuest::memory_bytes - 1, length),
            Errno::fault);
  EXPECT_EQ(fd_prestat_dir_name(guest->call(), 1, place, length), Errno::badf);
  EXPECT_EQ(fd_prestat_get(guest->call(), 99, place), Errno::badf);
  EXPECT_EQ(fd_prestat_dir_name(guest->call(), 3, place, length + 100), Errno::success);
  EXPECT_EQ(guest->memory().text(place, length), name);
}

TEST_F(Preopens, ANarrowedPolicyShowsWhatBothLayersOpen) {
  const Policy base = policy_of(config());
  const auto names = [&](std::vector<PathRule> rules) {
    auto narrowed = base.narrow(with(std::move(rules)));
    EXPECT_TRUE(narrowed.has_value());
    return TestGuest(*narrowed).preopen_names();
  };
  EXPECT_EQ(names({PathRule(path("work"), PathAccess::read)}), Names{path("work")});
  EXPECT_EQ(names({PathRule(path("work/sub"), PathAccess::read)}), Names{path("work/sub")});
  EXPECT_EQ(names({PathRule(path("outside"), PathAccess::read)}), Names{});
  EXPECT_EQ(names({}), Names{});
  // Too wide for the base: what remains of it are the base's own folders.
  EXPECT_EQ(names({PathRule(folder().string(), PathAccess::read)}),
            (Names{path("work"), path("docs")}));
  EXPECT_EQ(names({PathRule(folder().string(), PathAccess::read, "/all")}),
            (Names{"/all/work", "/all/docs"}));
}

TEST_F(Preopens, ANarrowedPolicyOpensUnderTheShownNames) {
  auto narrowed =
      policy_of(config()).narrow(with({PathRule(folder().string(), PathAccess::read, "/all")}));
  ASSERT_TRUE(narrowed.has_value());
  TestGuest guest(*narrowed);
  const GuestFd work = guest.preopen("/all/work");
  EXPECT_EQ(guest.read(guest.open(work, "note.txt").value).value, "a note");
  EXPECT_EQ(guest.read(guest.open(work, "sub/../note.txt").value).value, "a note");
  EXPECT_EQ(guest.open(work, "note.txt", for_both()).error, Errno::perm);
  EXPECT_EQ(guest.open(work, "../outside/secret.txt").error, Errno::perm);
  EXPECT_EQ(guest.names_in(work), (std::set<std::string>{"note.txt", "sub"}));
}

TEST_F(Preopens, ASingleFileIsReachedThroughItsFolder) {
  auto guest = guest_under(with({PathRule(path("outside/secret.txt"), PathAccess::read),
                                 PathRule(path("work/note.txt"), PathAccess::read_write)}));
  make_file("outside/other.txt", "other");
  EXPECT_EQ(guest->preopen_names(), (Names{path("outside"), path("work")}));
  const GuestFd outside = guest->preopen(path("outside"));
  EXPECT_EQ(guest->read(guest->open(outside, "secret.txt").value).value, "secret");
  EXPECT_EQ(guest->read(guest->open(outside, "./secret.txt").value).value, "secret");
  EXPECT_EQ(guest->open(outside, "secret.txt/").error, Errno::notdir);
  EXPECT_EQ(guest->open(outside, "secret.txt", for_both()).error, Errno::perm);
  EXPECT_EQ(guest->open(outside, "other.txt").error, Errno::perm);
  EXPECT_EQ(guest->open(outside, "absent.txt").error, Errno::perm);
  EXPECT_EQ(guest->open(outside, "new.txt", for_both(oflags::creat)).error, Errno::perm);
  EXPECT_EQ(guest->open(outside, "../work/note.txt").error, Errno::perm);
  EXPECT_EQ(guest->create_directory(outside, "new"), Errno::perm);
  EXPECT_EQ(guest->unlink(outside, "other.txt"), Errno::perm);
  EXPECT_EQ(guest->unlink(outside, "secret.txt"), Errno::perm);
  const GuestFd work = guest->preopen(path("work"));
  const auto note = guest->open(work, "note.txt", for_both(oflags::trunc));
  ASSERT_EQ(note.error, Errno::success);
  EXPECT_EQ(guest->write(note.value, "new").value, 3U);
  EXPECT_EQ(content("work/note.txt"), "new");
  EXPECT_EQ(snapshot("outside").size(), 2U);
}

TEST_F(Preopens, AFolderOfFilesShowsTheseFilesAlone) {
  auto guest = guest_under(with({PathRule(path("outside/secret.txt"), PathAccess::read)}));
  make_file("outside/other.txt", "other");
  const GuestFd outside = guest->preopen(path("outside"));
  EXPECT_EQ(guest->names_in(outside), std::set<std::string>{"secret.txt"});
  EXPECT_EQ(guest->stat(outside).value.filetype, FileType::directory);
  EXPECT_EQ(guest->stat_path(outside, ".").value.filetype, FileType::directory);
  EXPECT_EQ(guest->stat_path(outside, "secret.txt").value.size_bytes, 6U);
  EXPECT_EQ(guest->stat_path(outside, "other.txt").error, Errno::perm);
  const auto reopened = guest->open(outside, ".", for_listing());
  ASSERT_EQ(reopened.error, Errno::success);
  EXPECT_EQ(guest->names_in(reopened.value), std::set<std::string>{"secret.txt"});
  EXPECT_EQ(guest->read(guest->open(reopened.value, "secret.txt").value).value, "secret");
  EXPECT_EQ(guest->open(outside, ".", for_both()).error, Errno::isdir);
  EXPECT_EQ(fd_sync(guest->call(), outside), Errno::success);
}

TEST_F(Preopens, ASingleFileCanHaveAnotherNameInGuests) {
  auto guest =
      guest_under(with({PathRule(path("outside/secret.txt"), PathAccess::read, "/etc/token"),
                        PathRule(path("work/note.txt"), PathAccess::read, "/etc/note")}));
  EXPECT_EQ(guest->preopen_names(), Names{"/etc"});
  const GuestFd etc = guest->preopen("/etc");
  EXPECT_EQ(guest->names_in(etc), (std::set<std::string>{"token", "note"}));
  EXPECT_EQ(guest->read(guest->open(etc, "token").value).value, "secret");
  EXPECT_EQ(guest->read(guest->open(etc, "note").value).value, "a note");
  for (const std::string_view name : {"secret.txt", "passwd", "..", "../etc/token", "x/../token"}) {
    EXPECT_EQ(guest->open(etc, name).error, Errno::perm) << name;
    EXPECT_EQ(guest->stat_path(etc, name).error, Errno::perm) << name;
  }
  EXPECT_EQ(guest->rename(etc, "token", etc, "note"), Errno::perm);
  EXPECT_EQ(fd_filestat_set_times(guest->call(), etc, 0, 1, fstflags::mtim), Errno::perm);
}

TEST_F(Preopens, AFileInAFolderThatIsShownNeedsNoOther) {
  auto guest = guest_under(
      with({PathRule(path("work/note.txt"), PathAccess::read),
            PathRule(path("work"), PathAccess::read_write),
            PathRule(path("docs/manual.txt"), PathAccess::read, path("work/manual.txt"))}));
  EXPECT_EQ(guest->preopen_names(), Names{path("work")});
  const GuestFd work = guest->preopen(path("work"));
  EXPECT_EQ(guest->open(work, "note.txt", for_both()).error, Errno::perm);
  EXPECT_EQ(guest->open(work, "sub/deep.txt", for_both()).error, Errno::success);
  EXPECT_EQ(guest->read(guest->open(work, "manual.txt").value).value, "a manual");
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
