#include <limits>

#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

class FdOperations : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    use(config());
  }
  void use(Config config) {
    guest_ = guest_under(std::move(config));
    work_ = guest_->preopen(path("work"));
  }
  GuestFd open(std::string_view name, OpenOptions options = for_both(oflags::creat)) {
    const auto opened = guest_->open(work_, name, options);
    EXPECT_EQ(opened.error, Errno::success);
    return opened.value;
  }
  GuestCall& call() { return guest_->call(); }
  std::unique_ptr<TestGuest> guest_;
  GuestFd work_ = 0;
};

TEST_F(FdOperations, FdstatTellsTypeFlagsAndRights) {
  OpenOptions options = for_writing();
  options.descriptor_flags = fdflags::append | fdflags::sync;
  const auto file = guest_->fdstat(open("note.txt", options)).value;
  EXPECT_EQ(file.filetype, FileType::regular_file);
  EXPECT_EQ(file.flags, fdflags::append | fdflags::sync);
  EXPECT_NE(file.rights_base & rights::fd_write, 0U);
  EXPECT_EQ(file.rights_base & rights::fd_read, 0U);
  const auto folder = guest_->fdstat(work_).value;
  EXPECT_EQ(folder.filetype, FileType::directory);
  EXPECT_EQ(folder.rights_base & (rights::fd_read | rights::fd_seek), 0U);
  EXPECT_EQ(folder.rights_inheriting, rights::all);
  // Neither a terminal nor a file: a C library that asks isatty() must hear no.
  EXPECT_EQ(guest_->fdstat(1).value.filetype, FileType::unknown);
  EXPECT_EQ(guest_->fdstat(99).error, Errno::badf);
  EXPECT_EQ(fd_fdstat_get(call(), 1, TestGuest::memory_bytes - 23), Errno::fault);
}

TEST_F(FdOperations, AFileThatIsReadHasNoRightsOfWriting) {
  OpenOptions options = for_reading();
  options.base = rights::all & ~rights::fd_write;
  const auto file = guest_->fdstat(open("note.txt", options)).value;
  EXPECT_EQ(file.rights_base & (rights::of_writing | rights::path_open), 0U);
  EXPECT_NE(file.rights_base & rights::fd_read, 0U);
}

TEST_F(FdOperations, RightsOnlyShrinkAndBind) {
  const GuestFd file = open("note.txt");
  const auto before = guest_->fdstat(file).value;
  EXPECT_EQ(fd_fdstat_set_rights(call(), file, before.rights_base & ~rights::fd_write, 0),
            Errno::success);
  EXPECT_EQ(guest_->write(file, "x").error, Errno::badf);
  EXPECT_EQ(fd_fdstat_set_rights(call(), file, before.rights_base, 0), Errno::notcapable);
  EXPECT_EQ(fd_fdstat_set_rights(call(), file, 0, rights::fd_read), Errno::notcapable);
  EXPECT_EQ(guest_->read(file).value, "a note");
  EXPECT_EQ(fd_fdstat_set_rights(call(), file, 0, 0), Errno::success);
  EXPECT_EQ(guest_->read(file).error, Errno::badf);
  EXPECT_EQ(guest_->stat(file).error, Errno::notcapable);
  EXPECT_EQ(content("work/note.txt"), "a note");
}

TEST_F(FdOperations, EachRightOfAFolderIsNeeded) {
  const auto dropped = [this](Rights right) {
    const GuestFd folder = guest_->open(work_, ".", for_listing()).value;
    EXPECT_EQ(fd_fdstat_set_rights(call(), folder, rights::of_directory & ~right, rights::all),
              Errno::success);
    return folder;
  };
  const auto before = snapshot("work");
  const std::string_view note = "note.txt";
  EXPECT_EQ(guest_->open(dropped(rights::path_open), note).error, Errno::notcapable);
  EXPECT_EQ(guest_->open(dropped(rights::path_create_file), "x", for_both(oflags::creat)).error,
            Errno::notcapable);
  EXPECT_EQ(
      guest_->open(dropped(rights::path_filestat_set_size), note, for_both(oflags::trunc)).error,
      Errno::notcapable);
  EXPECT_EQ(guest_->create_directory(dropped(rights::path_create_directory), "x"),
            Errno::notcapable);
  EXPECT_EQ(guest_->unlink(dropped(rights::path_unlink_file), note), Errno::notcapable);
  EXPECT_EQ(guest_->remove_directory(dropped(rights::path_remove_directory), "sub"),
            Errno::notcapable);
  EXPECT_EQ(guest_->rename(dropped(rights::path_rename_source), note, work_, "x"),
            Errno::notcapable);
  EXPECT_EQ(guest_->rename(work_, note, dropped(rights::path_rename_target), "x"),
            Errno::notcapable);
  EXPECT_EQ(guest_->link(dropped(rights::path_link_source), note, work_, "x"), Errno::notcapable);
  EXPECT_EQ(guest_->link(work_, note, dropped(rights::path_link_target), "x"), Errno::notcapable);
  EXPECT_EQ(guest_->symlink("sub", dropped(rights::path_symlink), "x"), Errno::notcapable);
  EXPECT_EQ(guest_->readlink(dropped(rights::path_readlink), note).error, Errno::notcapable);
  EXPECT_EQ(guest_->stat_path(dropped(rights::path_filestat_get), note).error, Errno::notcapable);
  EXPECT_EQ(guest_->set_times_path(dropped(rights::path_filestat_set_times), note, 1),
            Errno::notcapable);
  EXPECT_EQ(guest_->list(dropped(rights::fd_readdir)).error, Errno::notcapable);
  EXPECT_EQ(snapshot("work"), before);
}

TEST_F(FdOperations, FlagsChangeWhereTheKernelLetsThem) {
  const GuestFd file = open("note.txt");
  EXPECT_EQ(fd_fdstat_set_flags(call(), file, fdflags::append | fdflags::nonblock), Errno::success);
  EXPECT_EQ(guest_->fdstat(file).value.flags, fdflags::append | fdflags::nonblock);
  EXPECT_EQ(guest_->write(file, "!").value, 1U);
  EXPECT_EQ(content("work/note.txt"), "a note!");
  EXPECT_EQ(fd_fdstat_set_flags(call(), file, fdflags::sync), Errno::notsup);
  EXPECT_EQ(fd_fdstat_set_flags(call(), file, 32), Errno::inval);
  EXPECT_EQ(fd_fdstat_set_flags(call(), 1, fdflags::nonblock), Errno::success);
  EXPECT_EQ(fd_fdstat_set_flags(call(), 99, 0), Errno::badf);
}

TEST_F(FdOperations, FilestatTellsWhatTheHostSees) {
  const GuestFd file = open("note.txt", for_reading());
  const auto stat = guest_->stat(file).value;
  EXPECT_EQ(stat.filetype, FileType::regular_file);
  EXPECT_EQ(stat.size_bytes, 6U);
  EXPECT_EQ(stat.link_count, 1U);
  EXPECT_GT(stat.modified_ns, 0U);
  const auto by_path = guest_->stat_path(work_, "note.txt").value;
  EXPECT_EQ(by_path.inode, stat.inode);
  EXPECT_EQ(by_path.device, stat.device);
  EXPECT_EQ(guest_->stat(work_).value.filetype, FileType::directory);
  EXPECT_EQ(guest_->stat(work_).value.inode, guest_->stat_path(work_, ".").value.inode);
  EXPECT_EQ(guest_->stat(0).error, Errno::success);
  EXPECT_EQ(fd_filestat_get(call(), file, TestGuest::memory_bytes - 63), Errno::fault);
}

TEST_F(FdOperations, ResizingCutsAndGrowsWithinTheLimits) {
  Config small = config();
  small.max_file_bytes = 100U;
  small.max_write_bytes = 150U;
  use(small);
  const GuestFd file = open("note.txt");
  EXPECT_EQ(fd_filestat_set_size(call(), file, 1), Errno::success);
  EXPECT_EQ(content("work/note.txt"), "a");
  EXPECT_EQ(fd_filestat_set_size(call(), file, 101), Errno::fbig);
  EXPECT_EQ(fd_filestat_set_size(call(), file, 100), Errno::success);
  EXPECT_EQ(fd_filestat_set_size(call(), file, 0), Errno::success);
  // The 99 bytes that it grew by are used up.
  EXPECT_EQ(fd_filestat_set_size(call(), file, 60), Errno::dquot);
  EXPECT_EQ(content("work/note.txt"), "");
  EXPECT_EQ(fd_filestat_set_size(call(), file, ~0ULL), Errno::inval);
  EXPECT_EQ(fd_filestat_set_size(call(), work_, 0), Errno::isdir);
  EXPECT_EQ(fd_filestat_set_size(call(), 1, 0), Errno::inval);
  EXPECT_EQ(fd_filestat_set_size(call(), open("note.txt", for_reading()), 0), Errno::notcapable);
}

TEST_F(FdOperations, AllocatingGrowsWithinTheLimits) {
  Config small = config();
  small.max_file_bytes = 10'000U;
  small.max_write_bytes = 9'000U;
  use(small);
  const GuestFd file = open("new.txt");
  const Errno first = fd_allocate(call(), file, 0, 4'000);
  if (first == Errno::notsup) {
    GTEST_SKIP() << "the file system cannot allocate";
  }
  EXPECT_EQ(first, Errno::success);
  EXPECT_EQ(content("work/new.txt").size(), 4'000U);
  EXPECT_EQ(fd_allocate(call(), file, 10, 10), Errno::success);
  EXPECT_EQ(content("work/new.txt").size(), 4'000U);
  EXPECT_EQ(fd_allocate(call(), file, 9'999, 2), Errno::fbig);
  EXPECT_EQ(fd_allocate(call(), file, 0, 9'000), Errno::dquot);
  EXPECT_EQ(fd_allocate(call(), file, 0, 0), Errno::inval);
  EXPECT_EQ(fd_allocate(call(), file, ~0ULL, 1), Errno::inval);
  EXPECT_EQ(fd_allocate(call(), file, 1, std::numeric_limits<std::int64_t>::max()), Errno::fbig);
  EXPECT_EQ(fd_allocate(call(), work_, 0, 1), Errno::isdir);
  EXPECT_EQ(content("work/new.txt").size(), 4'000U);
}

TEST_F(FdOperations, TimesAreSetOnFilesThatMayBeWritten) {
  constexpr std::uint64_t time_ns = 1'234'567'890'123'456'789;
  const GuestFd file = open("note.txt");
  const std::uint64_t accessed = guest_->stat(file).value.accessed_ns;
  EXPECT_EQ(fd_filestat_set_times(call(), file, 1, time_ns, fstflags::mtim), Errno::success);
  EXPECT_EQ(guest_->stat(file).value.modified_ns, time_ns);
  EXPECT_EQ(guest_->stat(file).value.accessed_ns, accessed);
  EXPECT_EQ(fd_filestat_set_times(call(), file, 0, 0, fstflags::mtim_now), Errno::success);
  EXPECT_GT(guest_->stat(file).value.modified_ns, time_ns);
  for (const int flags :
       {fstflags::mtim | fstflags::mtim_now, fstflags::atim | fstflags::atim_now, 16}) {
    EXPECT_EQ(fd_filestat_set_times(call(), file, 1, 1, static_cast<std::uint32_t>(flags)),
              Errno::inval);
  }
}

TEST_F(FdOperations, AReadingDescriptorSetsTimesOnlyWhereThePolicyLetsWrite) {
  OpenOptions options = for_reading();
  options.base |= rights::fd_filestat_set_times;
  constexpr std::uint64_t time_ns = 1'000'000'000;
  EXPECT_EQ(fd_filestat_set_times(call(), open("note.txt", options), 0, time_ns, fstflags::mtim),
            Errno::success);
  EXPECT_EQ(guest_->stat_path(work_, "note.txt").value.modified_ns, time_ns);
  const auto before = snapshot("docs");
  const auto manual = guest_->open(guest_->preopen(path("docs")), "manual.txt", options);
  ASSERT_EQ(manual.error, Errno::success);
  EXPECT_EQ(fd_filestat_set_times(call(), manual.value, 0, time_ns, fstflags::mtim), Errno::perm);
  EXPECT_EQ(fd_filestat_set_times(call(), guest_->preopen(path("docs")), 0, 1, fstflags::mtim),
            Errno::perm);
  EXPECT_EQ(snapshot("docs"), before);
  EXPECT_EQ(guest_->context().denial_count(), 2U);
}

TEST_F(FdOperations, SynchronisingAndAdviceWork) {
  const GuestFd file = open("note.txt");
  EXPECT_EQ(fd_sync(call(), file), Errno::success);
  EXPECT_EQ(fd_datasync(call(), file), Errno::success);
  EXPECT_EQ(fd_sync(call(), work_), Errno::success);
  EXPECT_EQ(fd_sync(call(), 1), Errno::inval);
  EXPECT_EQ(fd_sync(call(), 99), Errno::badf);
  EXPECT_EQ(fd_advise(call(), file, 0, 100, 3), Errno::success);
  EXPECT_EQ(fd_advise(call(), file, 0, 100, 6), Errno::inval);
  EXPECT_EQ(fd_advise(call(), file, ~0ULL, 1, 0), Errno::inval);
  EXPECT_EQ(fd_advise(call(), 1, 0, 0, 0), Errno::spipe);
}

TEST_F(FdOperations, ClosedIsClosed) {
  const GuestFd file = open("note.txt");
  EXPECT_EQ(guest_->close(file), Errno::success);
  EXPECT_EQ(guest_->close(file), Errno::badf);
  EXPECT_EQ(guest_->read(file).error, Errno::badf);
  EXPECT_EQ(guest_->close(1), Errno::success);
  EXPECT_EQ(guest_->write(1, "x").error, Errno::badf);
  EXPECT_EQ(guest_->close(work_), Errno::success);
  EXPECT_EQ(guest_->open(work_, "note.txt").error, Errno::badf);
  EXPECT_EQ(guest_->close(0xFFFFFFFF), Errno::badf);
}

TEST_F(FdOperations, RenumberingMovesADescriptorOverAnother) {
  const GuestFd file = open("new.txt");
  ASSERT_EQ(fd_renumber(call(), file, 1), Errno::success);
  EXPECT_EQ(guest_->write(1, "into the file").value, 13U);
  EXPECT_EQ(content("work/new.txt"), "into the file");
  EXPECT_EQ(guest_->run().stdout_capture.total_bytes(), 0U);
  EXPECT_EQ(guest_->close(file), Errno::badf);
  EXPECT_EQ(fd_renumber(call(), 1, 99), Errno::badf);
  EXPECT_EQ(fd_renumber(call(), 99, 1), Errno::badf);
  EXPECT_EQ(fd_renumber(call(), 1, 1), Errno::success);
  ASSERT_EQ(fd_renumber(call(), 2, work_), Errno::success);
  EXPECT_EQ(guest_->write(work_, "e").value, 1U);
  EXPECT_EQ(guest_->run().stderr_capture.take(), "e");
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
