#include <limits>

#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

class FdData : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    use(config());
  }
  void use(Config config) {
    guest_ = guest_under(std::move(config));
    work_ = guest_->preopen(path("work"));
  }
  GuestFd create(std::string_view name, OpenOptions options = for_both(oflags::creat)) {
    const auto opened = guest_->open(work_, name, options);
    EXPECT_EQ(opened.error, Errno::success);
    return opened.value;
  }
  std::unique_ptr<TestGuest> guest_;
  GuestFd work_ = 0;
};

TEST_F(FdData, StandardStreamsCarryTheRunsData) {
  guest_->run().stdin_data = "hello";
  EXPECT_EQ(guest_->read(0, 3).value, "hel");
  EXPECT_EQ(guest_->read(0, 100).value, "lo");
  EXPECT_EQ(guest_->read(0, 100).value, "");
  EXPECT_EQ(guest_->write(1, "out").value, 3U);
  EXPECT_EQ(guest_->write(2, "err").value, 3U);
  EXPECT_EQ(guest_->run().stdout_capture.take(), "out");
  EXPECT_EQ(guest_->run().stderr_capture.take(), "err");
}

TEST_F(FdData, OutputPastItsLimitIsCountedAndNeverRefused) {
  Config small = config();
  small.max_output_bytes = 10U;
  use(small);
  for (int round = 0; round < 100; ++round) {
    ASSERT_EQ(guest_->write(1, "0123456").value, 7U);
  }
  EXPECT_EQ(guest_->run().stdout_capture.total_bytes(), 700U);
  EXPECT_TRUE(guest_->run().stdout_capture.truncated());
  EXPECT_EQ(guest_->run().stdout_capture.take(), "0123456012");
}

TEST_F(FdData, StandardStreamsHaveADirectionAndNoPosition) {
  EXPECT_EQ(guest_->write(0, "x").error, Errno::badf);
  EXPECT_EQ(guest_->read(1).error, Errno::badf);
  EXPECT_EQ(guest_->seek(1, 0, Whence::current).error, Errno::spipe);
  EXPECT_EQ(guest_->pread(0, 0).error, Errno::spipe);
  EXPECT_EQ(guest_->pwrite(1, "x", 0).error, Errno::spipe);
  EXPECT_EQ(fd_tell(guest_->call(), 0, 64), Errno::spipe);
}

TEST_F(FdData, ReadsGoOnWhereTheLastOneEnded) {
  const GuestFd file = create("note.txt", for_reading());
  EXPECT_EQ(guest_->read(file, 2).value, "a ");
  EXPECT_EQ(guest_->read(file, 100).value, "note");
  EXPECT_EQ(guest_->read(file, 100).value, "");
  EXPECT_EQ(guest_->pread(file, 2, 3).value, "not");
  EXPECT_EQ(guest_->seek(file, -4, Whence::end).value, 2U);
  EXPECT_EQ(guest_->read(file, 100).value, "note");
  EXPECT_EQ(guest_->seek(file, 1000, Whence::set).value, 1000U);
  EXPECT_EQ(guest_->read(file, 100).value, "");
}

TEST_F(FdData, WritesGoToThePositionAndPwriteLeavesIt) {
  const GuestFd file = create("new.txt");
  EXPECT_EQ(guest_->write(file, "one ").value, 4U);
  EXPECT_EQ(guest_->write(file, "two").value, 3U);
  EXPECT_EQ(guest_->pwrite(file, "ONE", 0).value, 3U);
  EXPECT_EQ(guest_->seek(file, 0, Whence::current).value, 7U);
  EXPECT_EQ(guest_->seek(file, 4, Whence::set).value, 4U);
  EXPECT_EQ(guest_->write(file, "T").value, 1U);
  EXPECT_EQ(content("work/new.txt"), "ONE Two");
}

TEST_F(FdData, AppendingWritesAtTheEndWhateverThePosition) {
  OpenOptions options = for_both();
  options.descriptor_flags = fdflags::append;
  const GuestFd file = create("note.txt", options);
  EXPECT_EQ(guest_->write(file, "!").value, 1U);
  EXPECT_EQ(guest_->seek(file, 0, Whence::set).value, 0U);
  EXPECT_EQ(guest_->write(file, "?").value, 1U);
  EXPECT_EQ(guest_->seek(file, 0, Whence::current).value, 8U);
  EXPECT_EQ(content("work/note.txt"), "a note!?");
  ASSERT_EQ(fd_fdstat_set_flags(guest_->call(), file, 0), Errno::success);
  EXPECT_EQ(guest_->seek(file, 0, Whence::set).value, 0U);
  EXPECT_EQ(guest_->write(file, "A").value, 1U);
  EXPECT_EQ(content("work/note.txt"), "A note!?");
}

TEST_F(FdData, SeveralVectorsMakeOneTransfer) {
  const Pointer a = guest_->put("ab");
  const Pointer b = guest_->put("cde");
  const Pointer vectors = guest_->reserve(3 * sizeof(IoVector));
  ASSERT_TRUE(guest_->memory().store(vectors, IoVector{a, 2}));
  ASSERT_TRUE(guest_->memory().store(vectors + 8, IoVector{a, 0}));
  ASSERT_TRUE(guest_->memory().store(vectors + 16, IoVector{b, 3}));
  const Pointer count = guest_->reserve(4);
  ASSERT_EQ(fd_write(guest_->call(), 1, vectors, 3, count), Errno::success);
  EXPECT_EQ(guest_->load<Size>(count), 5U);
  EXPECT_EQ(guest_->run().stdout_capture.take(), "abcde");
}

TEST_F(FdData, VectorsOutsideTheMemoryTransferNothing) {
  const GuestFd file = create("new.txt");
  const Pointer good = guest_->put("data");
  const Pointer vectors = guest_->reserve(2 * sizeof(IoVector));
  const Pointer count = guest_->reserve(4);
  ASSERT_TRUE(guest_->memory().store(vectors, IoVector{good, 4}));
  for (const IoVector bad : {IoVector{TestGuest::memory_bytes - 2, 3}, IoVector{0xFFFFFFFF, 1},
                             IoVector{8, 0xFFFFFFFF}, IoVector{TestGuest::memory_bytes + 1, 0}}) {
    ASSERT_TRUE(guest_->memory().store(vectors + 8, bad));
    for (const GuestFd fd : {file, GuestFd{1}}) {
      EXPECT_EQ(fd_write(guest_->call(), fd, vectors, 2, count), Errno::fault);
    }
    EXPECT_EQ(fd_read(guest_->call(), file, vectors, 2, count), Errno::fault);
    EXPECT_EQ(fd_pread(guest_->call(), file, vectors, 2, 0, count), Errno::fault);
  }
  GuestCall& call = guest_->call();
  EXPECT_EQ(fd_write(call, file, vectors, 1, TestGuest::memory_bytes - 3), Errno::fault);
  EXPECT_EQ(fd_write(call, file, TestGuest::memory_bytes - 4, 1, count), Errno::fault);
  EXPECT_EQ(fd_write(call, file, 0xFFFFFFF8, 1000, count), Errno::fault);
  EXPECT_EQ(fd_write(call, file, vectors, 1025, count), Errno::inval);
  EXPECT_EQ(fd_write(call, file, vectors, 0xFFFFFFFF, count), Errno::inval);
  EXPECT_EQ(content("work/new.txt"), "");
  EXPECT_EQ(guest_->run().stdout_capture.total_bytes(), 0U);
  EXPECT_EQ(fd_write(call, file, vectors, 1, count), Errno::success);
  EXPECT_EQ(content("work/new.txt"), "data");
}

TEST_F(FdData, OverlappingVectorsAreBoundedInSum) {
  // 1024 times the whole memory: one call must not stand for a gibibyte of output.
  constexpr Size vector_count = 1024;
  const Pointer vectors = guest_->reserve(vector_count * sizeof(IoVector));
  const Pointer count = guest_->reserve(4);
  std::vector<std::uint8_t> large(4 * 1024 * 1024);
  GuestCall call{.run = guest_->run(), .memory = GuestMemory(large)};
  for (Size index = 0; index < vector_count; ++index) {
    ASSERT_TRUE(call.memory.store(vectors + index * 8, IoVector{0, 4 * 1024 * 1024}));
  }
  EXPECT_EQ(fd_write(call, 1, vectors, vector_count, count), Errno::inval);
  EXPECT_EQ(guest_->run().stdout_capture.total_bytes(), 0U);
}

TEST_F(FdData, PositionsOutOfRangeAreRefused) {
  const GuestFd file = create("note.txt");
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(guest_->seek(file, -1, Whence::set).error, Errno::inval);
  EXPECT_EQ(guest_->seek(file, least, Whence::current).error, Errno::inval);
  EXPECT_EQ(guest_->seek(file, most, Whence::end).error, Errno::inval);
  EXPECT_EQ(guest_->seek(file, 0, static_cast<Whence>(3)).error, Errno::inval);
  EXPECT_EQ(guest_->seek(file, 0, Whence::current).value, 0U);
  EXPECT_EQ(guest_->seek(file, most, Whence::set).error, Errno::success);
  EXPECT_EQ(guest_->write(file, "x").error, Errno::fbig);
  EXPECT_EQ(guest_->seek(file, most, Whence::current).error, Errno::inval);
  EXPECT_EQ(guest_->pread(file, ~0ULL).error, Errno::inval);
  EXPECT_EQ(guest_->pwrite(file, "x", ~0ULL).error, Errno::inval);
  EXPECT_EQ(content("work/note.txt"), "a note");
}

TEST_F(FdData, AFileOpenForOneDirectionHasOnlyThat) {
  const GuestFd reading = create("note.txt", for_reading());
  EXPECT_EQ(guest_->write(reading, "x").error, Errno::badf);
  EXPECT_EQ(guest_->pwrite(reading, "x", 0).error, Errno::badf);
  const GuestFd writing = create("note.txt", for_writing());
  EXPECT_EQ(guest_->read(writing).error, Errno::badf);
  EXPECT_EQ(guest_->pread(writing, 0).error, Errno::badf);
  EXPECT_EQ(content("work/note.txt"), "a note");
  EXPECT_EQ(guest_->read(work_).error, Errno::isdir);
  EXPECT_EQ(guest_->write(work_, "x").error, Errno::isdir);
  EXPECT_EQ(guest_->seek(work_, 0, Whence::set).error, Errno::isdir);
  EXPECT_EQ(guest_->read(99).error, Errno::badf);
}

TEST_F(FdData, SeekingNeedsItsRight) {
  OpenOptions options = for_reading();
  options.base = rights::fd_read | rights::fd_tell;
  const GuestFd file = create("note.txt", options);
  EXPECT_EQ(guest_->seek(file, 1, Whence::set).error, Errno::notcapable);
  EXPECT_EQ(guest_->seek(file, 0, Whence::current).error, Errno::success);
  EXPECT_EQ(guest_->pread(file, 0).error, Errno::notcapable);
  EXPECT_EQ(guest_->read(file).value, "a note");
}

TEST_F(FdData, AFileGrowsToItsLimitAndNoFurther) {
  Config small = config();
  small.max_file_bytes = 8U;
  use(small);
  const GuestFd file = create("new.txt");
  EXPECT_EQ(guest_->write(file, "12345678").value, 8U);
  EXPECT_EQ(guest_->write(file, "9").error, Errno::fbig);
  EXPECT_EQ(guest_->pwrite(file, "xx", 7).error, Errno::fbig);
  EXPECT_EQ(guest_->pwrite(file, "x", 7).error, Errno::success);
  EXPECT_EQ(guest_->pwrite(file, "x", 1'000'000).error, Errno::fbig);
  EXPECT_EQ(content("work/new.txt"), "1234567x");
}

TEST_F(FdData, AFileThatIsLargerAlreadyCanBeChangedInPlace) {
  make_file("work/large.txt", std::string(100, '.'));
  Config small = config();
  small.max_file_bytes = 8U;
  use(small);
  const GuestFd file = create("large.txt", for_both());
  EXPECT_EQ(guest_->pwrite(file, "x", 50).error, Errno::success);
  EXPECT_EQ(guest_->pwrite(file, "x", 100).error, Errno::fbig);
  EXPECT_EQ(content("work/large.txt").size(), 100U);
}

TEST_F(FdData, WritingIsChargedBeforeItHappens) {
  Config small = config();
  small.max_write_bytes = 10U;
  use(small);
  const GuestFd file = create("new.txt");
  EXPECT_EQ(guest_->write(file, "123456").value, 6U);
  EXPECT_EQ(guest_->write(file, "12345").error, Errno::dquot);
  EXPECT_EQ(content("work/new.txt"), "123456");
  EXPECT_EQ(guest_->write(file, "1234").value, 4U);
  // Writing over the same bytes again is writing, too.
  EXPECT_EQ(guest_->pwrite(file, "x", 0).error, Errno::dquot);
  EXPECT_EQ(content("work/new.txt"), "1234561234");
}

TEST_F(FdData, AGapIsChargedLikeData) {
  Config small = config();
  small.max_write_bytes = 1000U;
  use(small);
  const GuestFd file = create("new.txt");
  EXPECT_EQ(guest_->pwrite(file, "x", 2000).error, Errno::dquot);
  EXPECT_EQ(content("work/new.txt"), "");
  EXPECT_EQ(guest_->pwrite(file, "x", 998).error, Errno::success);
  EXPECT_EQ(guest_->pwrite(file, "xx", 0).error, Errno::dquot);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
