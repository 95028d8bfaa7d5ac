#include "policy/path/path_gate.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "linux/file_system.h"
#include "policy/path/path_test_folder.h"
#include "policy/path/path_test_judge.h"

namespace omnisandbox::policy {
namespace {

using testing::HasSubstr;

// "work" is open for reading and writing, "notes" for reading; "outside" is not.
class PathGateTest : public testing::Test {
 protected:
  PathGateTest() {
    folder_.write("work/file", "content");
    folder_.write("work/sub/deep/file", "deep content");
    folder_.write("notes/file", "notes");
    folder_.write("outside/secret", "secret");
    folder_.make_folder("work-evil");
    use(Config{.capabilities = {Capability::fs_read, Capability::fs_write},
               .allowed_paths = {in("work"), {in("notes"), PathAccess::read}}});
  }

  void use(const Config& config) {
    auto rules = PathRules::compile(config);
    ASSERT_TRUE(rules) << rules.error().message;
    judge_ = std::make_unique<RulesJudge>(std::move(*rules), config);
    gate_ = std::make_unique<PathGate>(*judge_);
  }

  std::string in(std::string_view name) const { return folder_.path(name); }

  Expected<OpenedPath> open(const std::string& path, int flags = O_RDONLY,
                            PathUse use = PathUse::read) const {
    return gate_->open({.path = path, .use = use}, flags, 0644);
  }
  std::string content(const std::string& path) const {
    auto opened = open(path);
    if (!opened) {
      return std::string(to_string(opened.error().kind));
    }
    std::string text(100, '\0');
    const auto length = linux_::read_full(opened->file, std::as_writable_bytes(std::span(text)));
    text.resize(length.value_or(0));
    return text;
  }
  // The refusal's kind, after checking that a refusal by the policy carries its Denial and no other
  // does.
  ErrorKind refused(const std::string& path, int flags = O_RDONLY,
                    PathUse use = PathUse::read) const {
    const auto opened = open(path, flags, use);
    EXPECT_FALSE(opened) << path;
    if (opened) {
      return ErrorKind::internal;
    }
    EXPECT_EQ(opened.error().kind == ErrorKind::denied, opened.error().denial.has_value());
    return opened.error().kind;
  }

  TestFolder folder_;
  std::unique_ptr<RulesJudge> judge_;
  std::unique_ptr<PathGate> gate_;
};

TEST_F(PathGateTest, OpensWhatIsAllowedAndNothingElse) {
  EXPECT_EQ(content(in("work/file")), "content");
  EXPECT_EQ(content(in("work/sub/deep/file")), "deep content");
  EXPECT_EQ(refused(in("outside/secret")), ErrorKind::denied);
  EXPECT_EQ(refused(in("work-evil/x")), ErrorKind::denied);
  EXPECT_EQ(refused("/etc/passwd"), ErrorKind::denied);
  EXPECT_EQ(refused(folder_.path()), ErrorKind::denied);
  EXPECT_EQ(refused("/"), ErrorKind::denied);
  EXPECT_EQ(refused(in("work/missing")), ErrorKind::not_found);
  EXPECT_EQ(refused(in("outside/missing")), ErrorKind::denied) << "says nothing of what exists";
}

TEST_F(PathGateTest, TheGrantNamesTheRuleAndTheCanonicalPath) {
  const auto opened = open(in("work/./sub//deep/../deep/file"));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->canonical, in("work/sub/deep/file"));
  EXPECT_THAT(opened->rule, HasSubstr("allowed_paths[0]"));
  EXPECT_EQ(opened->status.st_size, 12);
}

TEST_F(PathGateTest, SpellingsThatStayInsideWork) {
  EXPECT_EQ(content(in("work//sub/./deep///file")), "deep content");
  EXPECT_EQ(content(in("work/sub/../file")), "content");
  EXPECT_EQ(content(in("work/../work/file")), "content") << "the way to a root is no secret";
  EXPECT_EQ(content(in("work/sub/../../notes/file")), "notes");
  EXPECT_EQ(content("/.." + in("work/file")), "content");
  EXPECT_TRUE(open(in("work/sub/")));
  EXPECT_TRUE(open(in("work/sub/.")));
}

TEST_F(PathGateTest, ParentStepsDoNotLeadOut) {
  EXPECT_EQ(refused(in("work/../outside/secret")), ErrorKind::denied);
  EXPECT_EQ(refused(in("work/sub/../../outside/secret")), ErrorKind::denied);
  EXPECT_EQ(refused(in("work/sub/../../../../../../etc/passwd")), ErrorKind::denied);
  EXPECT_EQ(refused(in("outside/../work/file")), ErrorKind::denied)
      << "whether there is such a folder outside is not looked at";
  EXPECT_EQ(refused(in("work/missing/../file")), ErrorKind::not_found);
  EXPECT_EQ(refused(in("work/file/../file")), ErrorKind::not_found) << "a file has no parent step";
}

TEST_F(PathGateTest, WhatIsNoPathIsRefused) {
  const auto invalid = ErrorKind::invalid_argument;
  EXPECT_EQ(refused(""), invalid);
  EXPECT_EQ(refused("work/file"), invalid);
  EXPECT_EQ(refused(in("work/file") + std::string(1, '\0') + "x"), invalid);
  EXPECT_EQ(refused(in("work/") + std::string(5000, 'x')), invalid);
  EXPECT_EQ(refused(in("work/") + std::string(256, 'x')), invalid);
  EXPECT_EQ(refused(in("work/") + std::string(255, 'x')), ErrorKind::not_found);
}

TEST_F(PathGateTest, NamesAreBytes) {
  folder_.write("work/\xff\xfe name\n", "bytes");
  EXPECT_EQ(content(in("work/\xff\xfe name\n")), "bytes");
  const auto missing = open(in("work/\xff\n"));
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("\\xff\\n")) << "safe in a log";
}

TEST_F(PathGateTest, ASlashAtTheEndDemandsAFolder) {
  const auto opened = open(in("work/file/"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().system_errno, ENOTDIR);
  const auto created = open(in("work/new/"), O_WRONLY | O_CREAT, PathUse::write);
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().system_errno, EISDIR);
  EXPECT_FALSE(folder_.exists("work/new"));
}

TEST_F(PathGateTest, LinksThatStayInsideAreFollowed) {
  folder_.link("work/to_file", "file");
  folder_.link("work/to_folder", "sub/deep");
  folder_.link("work/sub/up", "../file");
  folder_.link("work/chain", "to_file");
  folder_.link("work/absolute", in("work/file"));
  folder_.link("work/over", in("notes/file"));
  EXPECT_EQ(content(in("work/to_file")), "content");
  EXPECT_EQ(content(in("work/to_folder/file")), "deep content");
  EXPECT_EQ(content(in("work/sub/up")), "content");
  EXPECT_EQ(content(in("work/chain")), "content");
  EXPECT_EQ(content(in("work/absolute")), "content");
  EXPECT_EQ(content(in("work/over")), "notes") << "into another allowed folder";
  EXPECT_EQ(content(in("work/to_folder/../deep/file")), "deep content")
      << "the parent of where the link leads";
  EXPECT_EQ(open(in("work/to_folder/file"))->canonical, in("work/sub/deep/file"));
}

// The name as it is written is on the list of secrets, and no rule names it; what it leads to is
// named.
TEST_F(PathGateTest, WhereALinkLeadsDecidesAndNotTheNameBefore) {
  folder_.write("work/.git/hooks/run", "hook");
  folder_.write("work/.git/hooks/other", "not named");
  folder_.link("alias", "work");
  folder_.write("work/sub/.env", "a secret");
  folder_.make_folder("readable");
  folder_.link("readable/up", "..");
  folder_.link("work/link_to_absent", "absent");
  use(Config{.capabilities = {Capability::fs_read, Capability::fs_write},
             .allowed_paths = {in(""),
                               {in("work/.git/hooks/run"), PathAccess::read},
                               {in("readable"), PathAccess::read}}});
  EXPECT_EQ(content(in("alias/.git/hooks/run")), "hook");
  EXPECT_EQ(content(in("alias/./sub/../.git/hooks/run")), "hook");
  EXPECT_EQ(open(in("alias/.git/hooks/run"), O_WRONLY, PathUse::write).error().kind,
            ErrorKind::denied);
  // What is refused is refused, absent or not; what a link leads to is only absent.
  EXPECT_EQ(open(in("work/link_to_absent/.env")).error().kind, ErrorKind::denied);
  EXPECT_EQ(open(in("readable/up/absent/file"), O_WRONLY, PathUse::write).error().kind,
            ErrorKind::not_found);
  EXPECT_EQ(open(in("readable/absent/file"), O_WRONLY, PathUse::write).error().kind,
            ErrorKind::denied);
  for (const char* secret : {"alias/.git/hooks/other", "alias/sub/.env", "alias/absent/.env",
                             "work/file/.env", "work/absent/.env"}) {
    const auto refused = open(in(secret));
    ASSERT_FALSE(refused) << secret;
    EXPECT_EQ(refused.error().kind, ErrorKind::denied) << secret;
    ASSERT_TRUE(refused.error().denial) << secret;
    EXPECT_THAT(refused.error().denial->rule, HasSubstr("built-in secret")) << secret;
  }
}

TEST_F(PathGateTest, LinksThatLeadOutAreDeniedWithTheirNameAndTarget) {
  folder_.link("work/last", in("outside/secret"));
  folder_.link("work/middle", in("outside"));
  folder_.link("work/relative", "../outside");
  folder_.link("work/missing", in("outside/no_such_file"));
  for (const char* path : {"work/last", "work/middle/secret", "work/relative/secret",
                           "work/middle/no_such_file", "work/missing", "work/middle/../secret"}) {
    EXPECT_EQ(refused(in(path)), ErrorKind::denied) << path;
    EXPECT_EQ(refused(in(path), O_WRONLY, PathUse::write), ErrorKind::denied) << path;
    EXPECT_EQ(refused(in(path), O_WRONLY | O_CREAT, PathUse::write), ErrorKind::denied) << path;
  }
  const auto error = open(in("work/last")).error();
  EXPECT_THAT(error.denial->reason, HasSubstr(in("work/last")));
  EXPECT_THAT(error.denial->reason, HasSubstr(in("outside/secret")));
  EXPECT_EQ(folder_.read("outside/secret"), "secret");
  EXPECT_FALSE(folder_.exists("outside/no_such_file"));
}

TEST_F(PathGateTest, ADanglingLinkCreatesNothing) {
  folder_.link("work/dangling", "not_yet");
  folder_.link("work/dangling_deep", "no/folder/at_all");
  folder_.make_folder("work/real");
  folder_.link("work/folder_link", "real");
  folder_.link("work/real/dangling", "../not_yet");
  for (const char* path : {"work/dangling", "work/dangling_deep", "work/folder_link/dangling"}) {
    EXPECT_EQ(refused(in(path), O_WRONLY | O_CREAT, PathUse::write), ErrorKind::denied) << path;
    const auto located = gate_->locate({.path = in(path), .use = PathUse::write});
    ASSERT_FALSE(located) << path;
    EXPECT_EQ(located.error().kind, ErrorKind::denied) << path;
    EXPECT_EQ(refused(in(path)), ErrorKind::not_found) << path;
  }
  EXPECT_FALSE(folder_.exists("work/not_yet"));
  EXPECT_TRUE(open(in("work/folder_link/new"), O_WRONLY | O_CREAT, PathUse::write));
  EXPECT_TRUE(folder_.exists("work/real/new")) << "through a link to a folder inside";
}

TEST_F(PathGateTest, LinksWithoutEndAreAnError) {
  folder_.link("work/a", "b");
  folder_.link("work/b", "a");
  const auto opened = open(in("work/a"));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::io);
  EXPECT_EQ(opened.error().system_errno, ELOOP);
  std::string name = "file";
  for (int i = 0; i < 41; ++i) {
    const std::string next = "l" + std::to_string(i);
    folder_.link("work/" + next, name);
    name = next;
  }
  EXPECT_EQ(content(in("work/l39")), "content");
  EXPECT_EQ(refused(in("work/l40")), ErrorKind::io);
}

TEST_F(PathGateTest, LinksThatMultiplyEachOtherEndSoon) {
  std::string target;
  for (int i = 0; i < 1300; ++i) {
    target += "x/../";
  }
  target.resize(4000);
  folder_.make_folder("work/x");
  std::string path = in("work");
  for (int i = 0; i < 30; ++i) {
    const std::string name = "m" + std::to_string(i);
    folder_.link("work/" + name, target.substr(0, 3995) + "x/..");
    path += "/" + name;
  }
  EXPECT_EQ(refused(path), ErrorKind::io);
}

TEST_F(PathGateTest, MagicLinksAreNeverFollowed) {
  use(Config{.capabilities = {Capability::fs_read},
             .allowed_paths = {"*"},
             .allow_secrets = true});  // the list of secrets would hide the matter
  EXPECT_EQ(content("/proc/self/comm").substr(0, 10),
            content("/proc/thread-self/comm").substr(0, 10));
  const std::string self = "/proc/" + std::to_string(::getpid());
  for (const std::string& path :
       {std::string("/proc/self/root/etc/passwd"), std::string("/proc/self/fd/0"),
        std::string("/dev/fd/0"), std::string("/dev/stdin"), std::string("/proc/self/cwd"),
        std::string("/proc/self/exe"), self + "/root", self + "/fd/1"}) {
    EXPECT_EQ(refused(path), ErrorKind::denied) << path;
  }
  EXPECT_THAT(open("/proc/self/exe").error().denial->reason, HasSubstr("link of /proc"));
}

TEST_F(PathGateTest, SecretsInProcAreClosedUnderEverything) {
  use(Config{.capabilities = {Capability::fs_read}, .allowed_paths = {"*"}});
  for (const char* path : {"/proc/self/environ", "/proc/self/mem", "/proc/self/root",
                           "/proc/self/fd/0", "/dev/fd/0", "/proc/self/task", "/proc/kcore"}) {
    EXPECT_EQ(refused(path), ErrorKind::denied) << path;
  }
  EXPECT_NE(content("/proc/self/status"), "denied");
}

TEST_F(PathGateTest, WhatIsNeitherFileNorFolderIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(in("work/fifo").c_str(), 0644), 0);
  folder_.make_folder("work/d");
  ASSERT_EQ(::mkfifo(in("work/d/fifo").c_str(), 0644), 0);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  in("work/socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  std::vector<std::string> names = {"work/fifo", "work/d/fifo", "work/socket"};
  if (::mknod(in("work/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)) == 0) {
    names.push_back("work/zero");
  }
  for (const auto& name : names) {
    for (const int flags : {O_RDONLY, O_WRONLY, O_RDWR, O_WRONLY | O_CREAT}) {
      EXPECT_EQ(refused(in(name), flags, PathUse::write), ErrorKind::invalid_argument) << name;
    }
    EXPECT_TRUE(open(in(name), O_PATH)) << "it may be looked at";
  }
  ::close(socket);
}

TEST_F(PathGateTest, LookingAtAFifoLetsNoWriterGoOn) {
  for (const char* name : {"work/fifo", "work/sub/fifo"}) {
    ASSERT_EQ(::mkfifo(in(name).c_str(), 0644), 0);
    std::atomic<bool> opened = false;
    std::jthread writer([&, path = in(name)] {
      const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      opened = true;
      ::close(file);
    });
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(refused(in(name)), ErrorKind::invalid_argument);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_FALSE(opened);
    ::close(::open(in(name).c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
}

TEST_F(PathGateTest, ReadingRightsDoNotWrite) {
  for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_CREAT}) {
    EXPECT_EQ(refused(in("notes/file"), flags, PathUse::write), ErrorKind::denied);
    EXPECT_EQ(refused(in("notes/new"), flags, PathUse::write), ErrorKind::denied);
    EXPECT_EQ(refused(in("work/file"), flags, PathUse::read), ErrorKind::internal)
        << "a caller that asks for less than it does";
  }
  for (const int flags : {O_RDONLY | O_TRUNC, O_RDONLY | O_CREAT}) {
    EXPECT_EQ(refused(in("notes/file"), flags, PathUse::read), ErrorKind::internal);
  }
  EXPECT_EQ(folder_.read("notes/file"), "notes");
  EXPECT_FALSE(folder_.exists("notes/new"));
  EXPECT_EQ(folder_.read("work/file"), "content");
  EXPECT_TRUE(open(in("work/file"), O_WRONLY | O_TRUNC, PathUse::write));
  EXPECT_EQ(folder_.read("work/file"), "");
}

TEST_F(PathGateTest, WritingThroughALinkInAReadOnlyFolderGoesWhereItLeads) {
  folder_.link("notes/to_work", in("work/file"));
  EXPECT_TRUE(open(in("notes/to_work"), O_WRONLY | O_TRUNC, PathUse::write));
  EXPECT_EQ(folder_.read("work/file"), "");
  folder_.link("work/to_notes", in("notes/file"));
  EXPECT_EQ(refused(in("work/to_notes"), O_WRONLY | O_TRUNC, PathUse::write), ErrorKind::denied);
  EXPECT_EQ(folder_.read("notes/file"), "notes");
}

TEST_F(PathGateTest, FilesWithSeveralNamesAreNotWritten) {
  ASSERT_EQ(::link(in("outside/secret").c_str(), in("work/hard").c_str()), 0);
  EXPECT_EQ(refused(in("work/hard"), O_WRONLY, PathUse::write), ErrorKind::denied);
  EXPECT_EQ(refused(in("work/hard"), O_WRONLY | O_TRUNC, PathUse::write), ErrorKind::denied);
  EXPECT_EQ(folder_.read("outside/secret"), "secret");
  EXPECT_EQ(content(in("work/hard")), "secret") << "reading changes nothing elsewhere";
  use(Config{.capabilities = {Capability::fs_read, Capability::fs_write},
             .allowed_paths = {in("work")},
             .allow_hard_links = true});
  EXPECT_TRUE(open(in("work/hard"), O_WRONLY | O_TRUNC, PathUse::write));
  EXPECT_EQ(folder_.read("outside/secret"), "");
}

TEST_F(PathGateTest, FilesThatLendTheirOwnersRightsAreNotWritten) {
  const std::string file = in("work/file");
  for (const mode_t bit : {mode_t{S_ISUID}, mode_t{S_ISGID}}) {
    ASSERT_EQ(::chmod(file.c_str(), 0755 | bit), 0);
    for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND}) {
      EXPECT_EQ(refused(file, flags, PathUse::write), ErrorKind::denied) << flags;
    }
    EXPECT_EQ(content(file), "content");
  }
  ASSERT_EQ(::chmod(file.c_str(), 01755), 0);
  EXPECT_TRUE(open(file, O_WRONLY | O_TRUNC, PathUse::write));
}

TEST_F(PathGateTest, CreatesWhereItMay) {
  const auto created = open(in("work/sub/new"), O_WRONLY | O_CREAT | O_EXCL, PathUse::write);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->status.st_mode & 0777U, 0644U);
  const auto again = open(in("work/sub/new"), O_WRONLY | O_CREAT | O_EXCL, PathUse::write);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::already_exists);
  EXPECT_EQ(refused(in("work/no/new"), O_WRONLY | O_CREAT, PathUse::write), ErrorKind::not_found);
  EXPECT_EQ(refused(in("outside/new"), O_WRONLY | O_CREAT, PathUse::write), ErrorKind::denied);
  EXPECT_FALSE(folder_.exists("outside/new"));
}

TEST_F(PathGateTest, TheLinkItselfCanBeLookedAtAndNamed) {
  folder_.link("work/link", in("outside/secret"));
  const auto opened = gate_->open({.path = in("work/link"), .follow_last = FollowLast::no}, O_PATH);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(S_ISLNK(opened->status.st_mode));
  const auto read = gate_->open({.path = in("work/link"), .follow_last = FollowLast::no}, O_RDONLY);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().system_errno, ELOOP);
  const auto located = gate_->locate(
      {.path = in("work/link"), .use = PathUse::write, .follow_last = FollowLast::no});
  ASSERT_TRUE(located) << located.error().message;
  EXPECT_EQ(located->name, "link");
  const auto slash = gate_->open({.path = in("work/link/"), .follow_last = FollowLast::no}, O_PATH);
  ASSERT_FALSE(slash);
  EXPECT_EQ(slash.error().kind, ErrorKind::denied) << "with a slash it is followed";
}

TEST_F(PathGateTest, LocatesNames) {
  const auto missing = gate_->locate({.path = in("work/sub/new"), .use = PathUse::write});
  ASSERT_TRUE(missing) << missing.error().message;
  EXPECT_EQ(missing->name, "new");
  EXPECT_FALSE(missing->status);
  EXPECT_EQ(::mkdirat(missing->parent.get(), missing->name.c_str(), 0755), 0);
  EXPECT_TRUE(folder_.exists("work/sub/new"));
  folder_.link("work/link", "sub/deep/file");
  const auto followed = gate_->locate({.path = in("work/link"), .use = PathUse::write});
  ASSERT_TRUE(followed);
  EXPECT_EQ(followed->canonical, in("work/sub/deep/file"));
  ASSERT_TRUE(followed->status);
  EXPECT_EQ(followed->status->st_size, 12);
  const auto root = gate_->locate({.path = in("work"), .use = PathUse::write});
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, ".");
  EXPECT_FALSE(gate_->locate({.path = in("outside/x"), .use = PathUse::write}));
  EXPECT_FALSE(gate_->locate({.path = in("notes/x"), .use = PathUse::write}));
  EXPECT_TRUE(gate_->locate({.path = in("work/sub/"), .use = PathUse::write})->wants_directory);
}

TEST_F(PathGateTest, WhatWouldEscapeARuleIsNotMoved) {
  folder_.make_folder("work/p/.git");
  folder_.make_folder("work/a/ro");
  use(Config{.capabilities = {Capability::fs_read, Capability::fs_write},
             .allowed_paths = {in("work"), {in("work/a/ro"), PathAccess::read}}});
  const auto locate = [this](const char* name, PathUse use) {
    return gate_->locate({.path = in(name), .use = use, .follow_last = FollowLast::no}).has_value();
  };
  EXPECT_FALSE(locate("work/p/.git", PathUse::move));
  EXPECT_FALSE(locate("work/a", PathUse::move));
  EXPECT_TRUE(locate("work/a", PathUse::write));
  EXPECT_TRUE(locate("work/p", PathUse::move));
  EXPECT_TRUE(locate("work/p/new", PathUse::move));
}

TEST_F(PathGateTest, BeneathHoldsAgainstEverything) {
  folder_.link("work/sub/up", "..");
  folder_.link("work/sub/absolute", in("work/file"));
  folder_.link("work/sub/inside", in("work/sub/deep"));
  const std::string sub = in("work/sub");
  const auto beneath = [&](const std::string& path) {
    const auto opened = gate_->open({.path = path, .beneath = sub}, O_RDONLY);
    if (!opened) {
      EXPECT_EQ(opened.error().kind, ErrorKind::denied) << path;
      EXPECT_THAT(opened.error().message, HasSubstr("leaves the folder"));
    }
    return opened.has_value();
  };
  EXPECT_TRUE(beneath(sub));
  EXPECT_TRUE(beneath(sub + "/deep/file"));
  EXPECT_TRUE(beneath(sub + "/deep/../deep/file"));
  EXPECT_TRUE(beneath(sub + "/inside/file"));
  EXPECT_FALSE(beneath(in("work/file")));
  EXPECT_FALSE(beneath(sub + "/../file"));
  EXPECT_FALSE(beneath(sub + "/../sub/deep/file")) << "out and in again";
  EXPECT_FALSE(beneath(sub + "/up"));
  EXPECT_FALSE(beneath(sub + "/up/file"));
  EXPECT_FALSE(beneath(sub + "/absolute"));
  EXPECT_FALSE(beneath(in("work/subway")));
}

TEST_F(PathGateTest, GuestNamesLeadToTheHost) {
  folder_.write("deep/host/place/file", "placed");
  use(Config{.capabilities = {Capability::fs_read, Capability::fs_write},
             .allowed_paths = {{in("work"), PathAccess::automatic, "/"},
                               {in("deep/host/place"), PathAccess::automatic, "/mnt/data"}}});
  folder_.link("work/link", "sub/deep/file");
  folder_.link("work/absolute", in("work/file"));
  const auto kind = [this](const char* path) {
    const auto opened = gate_->open({.path = path, .view = PathView::guest}, O_RDONLY);
    return opened ? opened->canonical : std::string(to_string(opened.error().kind));
  };
  EXPECT_EQ(kind("/file"), in("work/file"));
  EXPECT_EQ(kind("/"), in("work"));
  EXPECT_EQ(kind("/link"), in("work/sub/deep/file"));
  EXPECT_EQ(kind("/absolute"), in("work/file"));
  EXPECT_EQ(kind("/mnt/data/file"), in("deep/host/place/file"));
  EXPECT_EQ(kind("/mnt/data/../data/file"), in("deep/host/place/file"));
  EXPECT_EQ(kind("/mnt/data/../../file"), in("work/file")) << "the guest's parent, not the host's";
  EXPECT_EQ(kind("/../../file"), in("work/file"));
  EXPECT_EQ(kind("/link/../file"), "not_found") << "a file has no parent step";
  EXPECT_EQ(kind("/etc/passwd"), "not_found") << "beneath the guest's root";
  EXPECT_EQ(kind(in("work/file").c_str()), "not_found");
}

TEST_F(PathGateTest, AGuestNameThatNoRuleGivesIsDenied) {
  use(Config{.capabilities = {Capability::fs_read},
             .allowed_paths = {{in("work"), PathAccess::automatic, "/data/work"}}});
  const auto open_guest = [this](const std::string& path) {
    return gate_->open({.path = path, .view = PathView::guest}, O_RDONLY);
  };
  EXPECT_TRUE(open_guest("/data/work/file"));
  EXPECT_TRUE(open_guest("/data/../data/work/file")) << "folders that only lead there";
  for (const std::string& path : {in("work/file"), std::string("/data"), std::string("/"),
                                  std::string("/data/work/../../x"), std::string("/data/other")}) {
    const auto opened = open_guest(path);
    ASSERT_FALSE(opened) << path;
    EXPECT_EQ(opened.error().kind, ErrorKind::denied) << path;
  }
}

TEST_F(PathGateTest, ARulesOwnSpellingWorks) {
  folder_.link("alias", "work/sub");
  use(Config{.capabilities = {Capability::fs_read}, .allowed_paths = {in("alias/deep")}});
  EXPECT_EQ(content(in("alias/deep/file")), "deep content");
  EXPECT_EQ(content(in("alias/deep/../deep/file")), "deep content");
  EXPECT_EQ(content(in("work/sub/deep/file")), "deep content");
  EXPECT_EQ(refused(in("alias/other")), ErrorKind::denied);
  folder_.link("work/sub/deep/link", in("alias/deep/file"));
  EXPECT_EQ(content(in("work/sub/deep/link")), "deep content");
}

TEST_F(PathGateTest, ARootIsTheFolderThatItWasNotItsName) {
  std::filesystem::rename(in("work"), in("moved"));
  std::filesystem::create_directory_symlink(in("outside"), in("work"));
  EXPECT_EQ(content(in("work/file")), "content");
  EXPECT_EQ(refused(in("work/secret")), ErrorKind::not_found);
}

TEST_F(PathGateTest, ASingleFileIsReadAfterItWasReplaced) {
  use(Config{.capabilities = {Capability::fs_read, Capability::fs_write},
             .allowed_paths = {in("work/file")}});
  EXPECT_EQ(content(in("work/file")), "content");
  folder_.write("work/next", "new content");
  EXPECT_EQ(refused(in("work/next")), ErrorKind::denied);
  std::filesystem::rename(in("work/next"), in("work/file"));
  EXPECT_EQ(content(in("work/file")), "new content");
  std::filesystem::remove(in("work/file"));
  folder_.link("work/file", in("outside/secret"));
  EXPECT_EQ(refused(in("work/file")), ErrorKind::denied);
  std::filesystem::remove(in("work/file"));
  folder_.make_folder("work/file");
  folder_.write("work/file/inner", "inner");
  EXPECT_EQ(refused(in("work/file/inner")), ErrorKind::denied);
}

TEST_F(PathGateTest, NothingIsLeftOpen) {
  folder_.link("work/link", "sub/deep/file");
  folder_.link("work/out", in("outside/secret"));
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = open_files();
  for (int i = 0; i < 20; ++i) {
    for (const char* name : {"work/file", "work/link", "work/out", "work/missing", "work/../x"}) {
      static_cast<void>(open(in(name)).has_value());
      static_cast<void>(gate_->locate({.path = in(name), .use = PathUse::write}).has_value());
    }
  }
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace omnisandbox::policy
