#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "linux/fd.h"
#include "wasm/wasi/wasi_fixture.h"

namespace omnisandbox::wasm::wasi {
namespace {

namespace fs = std::filesystem;

class PathOpen : public WasiTest {
 protected:
  void SetUp() override {
    WasiTest::SetUp();
    use(config());
  }
  void use(Config config, HostFunctionOptions options = {}) {
    guest_ = guest_under(std::move(config), std::move(options));
    work_ = guest_->preopen(path("work"));
    docs_ = guest_->preopen(path("docs"));
  }
  std::string read_through(GuestFd fd, std::string_view name) {
    const auto opened = guest_->open(fd, name);
    EXPECT_EQ(opened.error, Errno::success) << name;
    return opened.error == Errno::success ? guest_->read(opened.value).value : "";
  }
  std::unique_ptr<TestGuest> guest_;
  GuestFd work_ = 0;
  GuestFd docs_ = 0;
};

TEST_F(PathOpen, ReadsBelowItsFolderHoweverThePathIsSpelled) {
  for (const std::string_view name :
       {"sub/deep.txt", "./sub/deep.txt", "sub//deep.txt", "sub/./deep.txt", "sub/../sub/deep.txt",
        ".//./sub/.././sub///deep.txt"}) {
    EXPECT_EQ(read_through(work_, name), "deep");
  }
  const GuestFd sub = guest_->open(work_, "sub/", for_listing()).value;
  EXPECT_EQ(read_through(sub, "deep.txt"), "deep");
  EXPECT_EQ(guest_->context().denial_count(), 0U);
}

TEST_F(PathOpen, NothingLeavesTheFolderOfTheDescriptor) {
  const GuestFd sub = guest_->open(work_, "sub", for_listing()).value;
  for (const std::string_view name :
       {"../note.txt", "..", "../sub/deep.txt", "./..", "../../docs/manual.txt", "../.."}) {
    EXPECT_EQ(guest_->open(sub, name).error, Errno::perm) << name;
  }
  for (const std::string_view name :
       {"../outside/secret.txt", "../docs/manual.txt", "sub/../../outside/secret.txt",
        "../../../../../../../../etc/passwd", "/etc/passwd", "/", "//etc/passwd"}) {
    EXPECT_EQ(guest_->open(work_, name).error, Errno::perm) << name;
    EXPECT_EQ(guest_->open(work_, name, for_writing(oflags::creat)).error, Errno::perm) << name;
  }
  EXPECT_EQ(guest_->open(work_, path("work/note.txt")).error, Errno::perm);
  EXPECT_EQ(guest_->context().denial_count(), 6U + 14U + 1U);
}

TEST_F(PathOpen, PathsThatAreNoneAreErrors) {
  EXPECT_EQ(guest_->open(work_, "").error, Errno::noent);
  EXPECT_EQ(guest_->open(work_, std::string_view("note.txt\0x", 10)).error, Errno::inval);
  EXPECT_EQ(guest_->open(work_, std::string(5000, 'a')).error, Errno::nametoolong);
  EXPECT_EQ(guest_->open(work_, std::string(4000, '/') + "x").error, Errno::perm);
  EXPECT_EQ(guest_->open(work_, std::string(300, 'a')).error, Errno::nametoolong);
  EXPECT_EQ(guest_->open(work_, std::string(4090, 'a')).error, Errno::nametoolong);
  EXPECT_EQ(guest_->open(work_, "absent/../note.txt").error, Errno::noent);
  EXPECT_EQ(guest_->open(work_, "note.txt/../note.txt").error, Errno::notdir);
  EXPECT_EQ(guest_->open(work_, "note.txt/").error, Errno::notdir);
  EXPECT_EQ(guest_->open(work_, "note.txt/.").error, Errno::notdir);
  EXPECT_EQ(guest_->open(99, "note.txt").error, Errno::badf);
  EXPECT_EQ(guest_->open(1, "note.txt").error, Errno::notdir);
  EXPECT_EQ(guest_->open(guest_->open(work_, "note.txt").value, "x").error, Errno::notdir);
  // Names are bytes: what is not UTF-8 is a name like another.
  make_file("work/\xff\xfe", "bytes");
  EXPECT_EQ(read_through(work_, "\xff\xfe"), "bytes");
}

TEST_F(PathOpen, BadFlagsAndPointersOpenNothing) {
  GuestCall& call = guest_->call();
  const Pointer text = guest_->put("note.txt");
  const Pointer out = guest_->reserve(4);
  const std::size_t before = open_descriptor_count();
  EXPECT_EQ(path_open(call, work_, 0, text, 8, 0, 0, 0, 0, 0xFFFFFFFE), Errno::fault);
  EXPECT_EQ(path_open(call, work_, 0, 0xFFFFFFF0, 64, 0, 0, 0, 0, out), Errno::fault);
  EXPECT_EQ(path_open(call, work_, 0, text, 0xFFFFFFFF, 0, 0, 0, 0, out), Errno::fault);
  EXPECT_EQ(path_open(call, work_, 2, text, 8, 0, 0, 0, 0, out), Errno::inval);
  EXPECT_EQ(path_open(call, work_, 0, text, 8, 16, 0, 0, 0, out), Errno::inval);
  EXPECT_EQ(path_open(call, work_, 0, text, 8, 0, 0, 0, 32, out), Errno::inval);
  EXPECT_EQ(path_open(call, work_, 0, text, 8, oflags::creat | oflags::directory, 0, 0, 0, out),
            Errno::inval);
  EXPECT_EQ(open_descriptor_count(), before);
  EXPECT_EQ(path_open(call, work_, 0, text, 8, 0, 0, 0, 0, out), Errno::success);
  EXPECT_EQ(open_descriptor_count(), before + 1);
}

TEST_F(PathOpen, CreatesTruncatesAndInsistsAsAsked) {
  const auto created = guest_->open(work_, "new.txt", for_both(oflags::creat | oflags::excl));
  ASSERT_EQ(created.error, Errno::success);
  EXPECT_EQ(guest_->write(created.value, "content").value, 7U);
  EXPECT_EQ(guest_->open(work_, "new.txt", for_both(oflags::creat | oflags::excl)).error,
            Errno::exist);
  EXPECT_EQ(guest_->open(work_, "new.txt", for_both(oflags::creat)).error, Errno::success);
  EXPECT_EQ(content("work/new.txt"), "content");
  EXPECT_EQ(guest_->open(work_, "new.txt", for_both(oflags::trunc)).error, Errno::success);
  EXPECT_EQ(content("work/new.txt"), "");
  EXPECT_EQ(guest_->open(work_, "absent.txt", for_both(oflags::trunc)).error, Errno::noent);
  EXPECT_EQ(guest_->open(work_, "absent/new.txt", for_both(oflags::creat)).error, Errno::noent);
  EXPECT_EQ(guest_->open(work_, "slash.txt/", for_both(oflags::creat)).error, Errno::isdir);
  EXPECT_FALSE(exists("work/slash.txt"));
  OpenOptions nothing;
  nothing.base = 0;
  nothing.open_flags = oflags::creat;
  EXPECT_EQ(guest_->open(work_, "empty.txt", nothing).error, Errno::success);
  EXPECT_TRUE(exists("work/empty.txt"));
}

TEST_F(PathOpen, FoldersAreOpenedForListingAlone) {
  EXPECT_EQ(guest_->open(work_, "sub", for_listing()).error, Errno::success);
  EXPECT_EQ(guest_->open(work_, "sub").error, Errno::success);
  EXPECT_EQ(guest_->open(work_, "note.txt", for_listing()).error, Errno::notdir);
  EXPECT_EQ(guest_->open(work_, "sub", for_both()).error, Errno::isdir);
  EXPECT_EQ(guest_->open(work_, "sub", for_both(oflags::directory)).error, Errno::isdir);
  EXPECT_EQ(guest_->open(work_, "sub", for_both(oflags::trunc)).error, Errno::isdir);
  EXPECT_EQ(guest_->open(work_, "sub", for_reading()).error, Errno::success);
  OpenOptions create = for_reading();
  create.open_flags = oflags::creat;
  EXPECT_EQ(guest_->open(work_, "sub", create).error, Errno::isdir);
}

TEST_F(PathOpen, AReadOnlyFolderLetsNothingChange) {
  const auto before = snapshot("docs");
  EXPECT_EQ(read_through(docs_, "manual.txt"), "a manual");
  OpenOptions truncating = for_reading();
  truncating.open_flags = oflags::trunc;
  OpenOptions creating = for_reading();
  creating.open_flags = oflags::creat;
  OpenOptions appending = for_both();
  appending.descriptor_flags = fdflags::append;
  std::uint64_t refusals = 0;
  for (const OpenOptions& options :
       {truncating, creating, appending, for_writing(), for_both(), for_both(oflags::trunc),
        for_both(oflags::creat), for_both(oflags::creat | oflags::excl)}) {
    for (const std::string_view name : {"manual.txt", "new.txt"}) {
      EXPECT_EQ(guest_->open(docs_, name, options).error, Errno::perm) << name;
      ++refusals;
    }
  }
  EXPECT_EQ(snapshot("docs"), before);
  EXPECT_EQ(guest_->context().denial_count(), refusals);
}

TEST_F(PathOpen, WritingNeedsItsCapability) {
  Config reading = config();
  reading.capabilities = {Capability::fs_read};
  use(reading);
  EXPECT_EQ(guest_->open(work_, "note.txt", for_writing()).error, Errno::perm);
  EXPECT_EQ(read_through(work_, "note.txt"), "a note");
}

TEST_F(PathOpen, ReadingWhatIsOpenForWritingNeedsItsCapability) {
  Config writing = config();
  writing.capabilities = {Capability::fs_write};
  guest_ = guest_under(writing);
  work_ = guest_->preopen(path("work"));
  EXPECT_EQ(guest_->open(work_, "note.txt", for_both()).error, Errno::perm);
  EXPECT_EQ(guest_->open(work_, "new.txt", for_both(oflags::creat | oflags::trunc)).error,
            Errno::perm);
  EXPECT_FALSE(exists("work/new.txt"));
  EXPECT_EQ(guest_->open(work_, "note.txt").error, Errno::perm);
  EXPECT_EQ(guest_->list(work_).error, Errno::perm);
  const auto file = guest_->open(work_, "new.txt", for_writing(oflags::creat));
  ASSERT_EQ(file.error, Errno::success);
  EXPECT_EQ(guest_->write(file.value, "blind").value, 5U);
  EXPECT_EQ(guest_->read(file.value).error, Errno::badf);
  EXPECT_EQ(content("work/new.txt"), "blind");
}

TEST_F(PathOpen, SymbolicLinksLeadWhereThePolicyOpens) {
  fs::create_symlink("sub/deep.txt", path("work/inside"));
  fs::create_symlink("sub", path("work/folder"));
  fs::create_symlink(path("outside/secret.txt"), path("work/absolute"));
  fs::create_symlink("../outside", path("work/out"));
  fs::create_symlink("../docs/manual.txt", path("work/other_root"));
  EXPECT_EQ(read_through(work_, "inside"), "deep");
  EXPECT_EQ(read_through(work_, "folder/deep.txt"), "deep");
  for (const std::string_view name : {"absolute", "out/secret.txt", "out", "other_root"}) {
    EXPECT_EQ(guest_->open(work_, name).error, Errno::perm) << name;
    EXPECT_EQ(guest_->open(work_, name, for_both(oflags::creat)).error, Errno::perm) << name;
  }
  EXPECT_EQ(guest_->open(work_, "out/new.txt", for_both(oflags::creat)).error, Errno::perm);
  EXPECT_FALSE(exists("outside/new.txt"));
  EXPECT_EQ(content("outside/secret.txt"), "secret");
}

TEST_F(PathOpen, LinksAreNotFollowedWhenTheGuestSaysSo) {
  fs::create_symlink("note.txt", path("work/link"));
  fs::create_symlink("sub", path("work/folder"));
  fs::create_symlink("absent.txt", path("work/dangling"));
  OpenOptions options = for_reading();
  options.lookup_flags = 0;
  EXPECT_EQ(guest_->open(work_, "link", options).error, Errno::loop);
  EXPECT_EQ(guest_->open(work_, "dangling", options).error, Errno::loop);
  EXPECT_EQ(guest_->open(work_, "folder/deep.txt", options).error, Errno::success);
  EXPECT_EQ(guest_->open(work_, "folder/", options).error, Errno::success);
  EXPECT_EQ(guest_->open(work_, "dangling").error, Errno::noent);
  EXPECT_EQ(guest_->open(work_, "dangling", for_both(oflags::creat)).error, Errno::perm);
  EXPECT_EQ(guest_->open(work_, "dangling", for_both(oflags::creat | oflags::excl)).error,
            Errno::exist);
  EXPECT_FALSE(exists("work/absent.txt"));
  fs::create_symlink("self", path("work/self"));
  EXPECT_EQ(guest_->open(work_, "self").error, Errno::loop);
}

TEST_F(PathOpen, SpecialFilesAreAnErrorAtOnce) {
  ASSERT_EQ(mkfifo(path("work/fifo").c_str(), 0600), 0);
  const linux_::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string socket_path = path("work/s");
  ASSERT_LT(socket_path.size(), sizeof address.sun_path);
  socket_path.copy(address.sun_path, socket_path.size());
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  for (const std::string_view name : {"fifo", "s"}) {
    EXPECT_EQ(guest_->open(work_, name).error, Errno::notsup) << name;
    EXPECT_EQ(guest_->open(work_, name, for_writing()).error, Errno::notsup) << name;
    EXPECT_EQ(guest_->open(work_, name, for_both(oflags::creat | oflags::trunc)).error,
              Errno::notsup)
        << name;
    EXPECT_EQ(guest_->stat_path(work_, name).error, Errno::success);
  }
}

TEST_F(PathOpen, AFileWithASecondNameIsNotWrittenTo) {
  fs::create_hard_link(path("outside/secret.txt"), path("work/linked.txt"));
  EXPECT_EQ(read_through(work_, "linked.txt"), "secret");
  OpenOptions truncating = for_reading();
  truncating.open_flags = oflags::trunc;
  for (const OpenOptions& options :
       {for_writing(), for_both(oflags::trunc), truncating, for_both(oflags::creat)}) {
    EXPECT_EQ(guest_->open(work_, "linked.txt", options).error, Errno::perm);
  }
  EXPECT_EQ(guest_->set_times_path(work_, "linked.txt", 1), Errno::perm);
  EXPECT_EQ(content("outside/secret.txt"), "secret");
  EXPECT_EQ(guest_->context().denial_count(), 5U);
  Config trusting = config();
  trusting.allow_hard_links = true;
  use(trusting);
  EXPECT_EQ(guest_->open(work_, "linked.txt", for_both()).error, Errno::success);
}

TEST_F(PathOpen, NewFilesAreCountedAndOldOnesAreNot) {
  Config small = config();
  small.max_files_created = 2U;
  use(small);
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(guest_->open(work_, "one.txt", for_both(oflags::creat)).error, Errno::success);
    EXPECT_NE(guest_->open(work_, "note.txt", for_both(oflags::creat | oflags::excl)).error,
              Errno::success);
  }
  EXPECT_EQ(guest_->create_directory(work_, "two"), Errno::success);
  EXPECT_EQ(guest_->create_directory(work_, "two"), Errno::exist);
  EXPECT_EQ(guest_->open(work_, "three.txt", for_both(oflags::creat)).error, Errno::dquot);
  EXPECT_EQ(guest_->create_directory(work_, "three"), Errno::dquot);
  EXPECT_EQ(guest_->symlink("note.txt", work_, "three"), Errno::dquot);
  EXPECT_EQ(guest_->link(work_, "note.txt", work_, "three"), Errno::dquot);
  EXPECT_EQ(guest_->names_in(work_), (std::set<std::string>{"note.txt", "one.txt", "sub", "two"}));
}

TEST_F(PathOpen, DecisionsAreOnRecordOnce) {
  std::vector<AuditRecord> records;
  use(config(), {.audit = make_callback_audit(
                     [&records](const AuditRecord& record) { records.push_back(record); })});
  guest_->open(work_, "note.txt");
  guest_->open(work_, "new.txt", for_both(oflags::creat));
  guest_->open(work_, "../outside/secret.txt");
  guest_->open(work_, "absent.txt");
  ASSERT_EQ(records.size(), 3U);
  for (const AuditRecord& record : records) {
    EXPECT_EQ(record.operation, "wasi.path_open");
  }
  EXPECT_TRUE(records[0].granted);
  EXPECT_EQ(records[0].capability, Capability::fs_read);
  EXPECT_EQ(records[0].resource, path("work/note.txt"));
  EXPECT_TRUE(records[1].granted);
  EXPECT_EQ(records[1].capability, Capability::fs_write);
  EXPECT_FALSE(records[2].granted);
  const auto denials = guest_->context().denials();
  ASSERT_EQ(denials.size(), 1U);
  EXPECT_FALSE(denials[0].reason.empty());
}

class FailingAudit : public AuditSink {
 public:
  Expected<void> write(const AuditRecord&) override {
    return Error{.kind = ErrorKind::io, .message = "the disk is full", .resource = {}};
  }
};

TEST_F(PathOpen, WhatCannotBeRecordedDoesNotHappen) {
  Config strict = config();
  strict.audit_required = true;
  use(strict, {.audit = std::make_shared<FailingAudit>()});
  const auto before = snapshot("work");
  EXPECT_NE(guest_->open(work_, "note.txt").error, Errno::success);
  EXPECT_NE(guest_->open(work_, "note.txt", for_both(oflags::trunc)).error, Errno::success);
  EXPECT_NE(guest_->open(work_, "new.txt", for_both(oflags::creat)).error, Errno::success);
  EXPECT_NE(guest_->create_directory(work_, "new"), Errno::success);
  EXPECT_NE(guest_->unlink(work_, "note.txt"), Errno::success);
  EXPECT_NE(guest_->rename(work_, "note.txt", work_, "x"), Errno::success);
  EXPECT_NE(guest_->link(work_, "note.txt", work_, "x"), Errno::success);
  EXPECT_NE(guest_->symlink("sub", work_, "x"), Errno::success);
  EXPECT_NE(guest_->set_times_path(work_, "note.txt", 1), Errno::success);
  EXPECT_NE(guest_->list(work_).error, Errno::success);
  EXPECT_EQ(snapshot("work"), before);
}

}  // namespace
}  // namespace omnisandbox::wasm::wasi
