#include "wasm/wasi/fd_table.h"

#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

using FdTableOfAGuest = WasiTest;

TEST_F(FdTableOfAGuest, AGuestThatUsesNoFileHasNoTableAndOpensNothing) {
  auto guest = this->guest();
  const std::size_t before = open_descriptor_count();
  EXPECT_EQ(guest->run().fds, nullptr);
  guest->write(1, "hello");
  EXPECT_FALSE(guest->preopen_names().empty());
  EXPECT_EQ(open_descriptor_count(), before);
}

TEST_F(FdTableOfAGuest, TheLowestFreeNumberIsUsed) {
  auto guest = this->guest();
  const GuestFd work = guest->preopen(path("work"));
  const GuestFd first = guest->open(work, "note.txt").value;
  EXPECT_EQ(first, 5U);
  EXPECT_EQ(guest->open(work, "note.txt").value, 6U);
  EXPECT_EQ(guest->close(first), Errno::success);
  EXPECT_EQ(guest->open(work, "note.txt").value, 5U);
  EXPECT_EQ(guest->close(0), Errno::success);
  EXPECT_EQ(guest->open(work, "note.txt").value, 0U);
  EXPECT_EQ(guest->open(work, "note.txt").value, 7U);
}

TEST_F(FdTableOfAGuest, OpenFilesAreLimitedAndFreedByClosing) {
  Config small = config();
  small.max_open_files = 4U;
  auto guest = guest_under(small);
  const GuestFd work = guest->preopen(path("work"));
  std::vector<GuestFd> opened;
  for (int index = 0; index < 4; ++index) {
    const auto file = guest->open(work, index % 2 == 0 ? "note.txt" : ".");
    ASSERT_EQ(file.error, Errno::success);
    opened.push_back(file.value);
  }
  EXPECT_EQ(guest->open(work, "note.txt").error, Errno::mfile);
  EXPECT_EQ(guest->open(work, "new.txt", for_both(oflags::creat)).error, Errno::mfile);
  EXPECT_FALSE(exists("work/new.txt"));
  // Moving one over another, over a stream and over a preopened directory keeps the count right.
  EXPECT_EQ(fd_renumber(guest->call(), opened[0], opened[1]), Errno::success);
  EXPECT_EQ(guest->open(work, "note.txt").error, Errno::success);
  EXPECT_EQ(guest->open(work, "note.txt").error, Errno::mfile);
  EXPECT_EQ(fd_renumber(guest->call(), opened[1], 2), Errno::success);
  EXPECT_EQ(guest->open(work, "note.txt").error, Errno::mfile);
  EXPECT_EQ(guest->close(2), Errno::success);
  EXPECT_EQ(guest->open(work, "note.txt").error, Errno::success);
}

TEST_F(FdTableOfAGuest, EverythingIsClosedWithTheRun) {
  const std::size_t before = open_descriptor_count();
  {
    auto guest = this->guest();
    const GuestFd work = guest->preopen(path("work"));
    for (int index = 0; index < 50; ++index) {
      ASSERT_EQ(guest->open(work, "note.txt").error, Errno::success);
      ASSERT_EQ(guest->open(work, "absent.txt").error, Errno::noent);
      ASSERT_EQ(guest->open(work, "../outside/secret.txt").error, Errno::perm);
    }
    EXPECT_GE(open_descriptor_count(), before + 50);
  }
  EXPECT_EQ(open_descriptor_count(), before);
}

TEST_F(FdTableOfAGuest, OpenFoldersKeepTheirNamesWhenTheGuestMovesThem) {
  auto guest = this->guest();
  const GuestFd work = guest->preopen(path("work"));
  const GuestFd sub = guest->open(work, "sub", for_listing()).value;
  ASSERT_EQ(guest->create_directory(work, "sub2"), Errno::success);
  const GuestFd other = guest->open(work, "sub2", for_listing()).value;
  ASSERT_EQ(guest->rename(work, "sub", work, "moved"), Errno::success);
  EXPECT_EQ(guest->open(sub, "deep.txt").error, Errno::success);
  EXPECT_EQ(guest->open(sub, "../note.txt").error, Errno::perm);
  EXPECT_EQ(guest->names_in(other), std::set<std::string>{});
  ASSERT_EQ(guest->rename(work, "moved", other, "deeper"), Errno::success);
  EXPECT_EQ(guest->open(sub, "deep.txt").error, Errno::success);
  ASSERT_EQ(guest->rename(work, "sub2", work, "sub3"), Errno::success);
  EXPECT_EQ(guest->open(sub, "deep.txt").error, Errno::success);
  EXPECT_EQ(guest->open(work, "sub3/deeper/deep.txt").error, Errno::success);
}

TEST_F(FdTableOfAGuest, ListingsOfManyFoldersAreBoundedTogether) {
  auto guest = this->guest();
  FdTable& table = table_of(guest->run());
  const auto listing_of = [](std::size_t size) {
    auto listing = std::make_unique<Listing>();
    for (std::size_t index = 0; index < size; ++index) {
      listing->add("name", index, FileType::regular_file);
    }
    return listing;
  };
  Descriptor folder;
  folder.kind = Descriptor::Kind::directory;
  EXPECT_FALSE(table.reserve_listing(1'000'000));
  ASSERT_TRUE(table.reserve_listing(300'000));
  folder.listing = listing_of(300'000);
  const std::uint32_t first = table.insert(std::move(folder));
  EXPECT_FALSE(table.reserve_listing(300'000));
  EXPECT_NE(table.find(first)->listing, nullptr);
  EXPECT_TRUE(table.reserve_listing(100'000));
  table.find(first)->listing->was_read_to_end = true;
  EXPECT_TRUE(table.reserve_listing(300'000));
  EXPECT_EQ(table.find(first)->listing, nullptr);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
