#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <csignal>
#include <random>
#include <thread>

#include "base/test_child.h"
#include "host_functions/file_test_run.h"
#include "linux/test_own_mounts.h"

namespace omnisandbox::host_functions {
namespace {

using testing::HasSubstr;

class FileWriting : public FileTestRun {
 protected:
  struct stat status_of(std::string_view name) const {
    struct stat status {};
    EXPECT_EQ(::lstat(in(name).c_str(), &status), 0) << name;
    return status;
  }
};

TEST_F(FileWriting, ReplacesCreatesAndAppends) {
  EXPECT_TRUE(write("work/file", "new"));
  EXPECT_EQ(folder_.read("work/file"), "new");
  EXPECT_TRUE(write("work/fresh", "fresh"));
  EXPECT_EQ(folder_.read("work/fresh"), "fresh");
  EXPECT_TRUE(append("work/fresh", " more"));
  EXPECT_EQ(folder_.read("work/fresh"), "fresh more");
  EXPECT_TRUE(append("work/appended", "begun"));
  EXPECT_EQ(folder_.read("work/appended"), "begun");
  EXPECT_TRUE(create("work/created", "created"));
  EXPECT_EQ(folder_.read("work/created"), "created");
  EXPECT_EQ(kind_of(create("work/created", "again")), ErrorKind::already_exists);
  EXPECT_EQ(folder_.read("work/created"), "created");
  EXPECT_TRUE(write("work/empty", ""));
  EXPECT_EQ(folder_.read("work/empty"), "");
  EXPECT_TRUE(write("work/file", "synced", {.durability = Durability::synced}));
  EXPECT_TRUE(write("work/file", "+", {WriteMode::append, Durability::synced}));
  EXPECT_TRUE(write("work/other", "+", {WriteMode::append, Durability::synced}));
  EXPECT_EQ(folder_.read("work/file"), "synced+");
  EXPECT_EQ(leftovers("work"), 0U);
}

TEST_F(FileWriting, RefusesWithoutEffect) {
  for (const WriteMode mode : {WriteMode::replace, WriteMode::append, WriteMode::create_new}) {
    const WriteOptions options{.mode = mode};
    EXPECT_EQ(kind_of(write("notes/file", "x", options)), ErrorKind::denied);
    EXPECT_EQ(kind_of(write("notes/new", "x", options)), ErrorKind::denied);
    EXPECT_EQ(kind_of(write("outside/secret", "x", options)), ErrorKind::denied);
    EXPECT_EQ(kind_of(write("outside/new", "x", options)), ErrorKind::denied);
    EXPECT_EQ(kind_of(write("work/../outside/new", "x", options)), ErrorKind::denied);
    EXPECT_EQ(kind_of(write("work/.ssh/authorized_keys", "x", options)), ErrorKind::denied);
    EXPECT_EQ(kind_of(write("work/missing/new", "x", options)), ErrorKind::not_found);
  }
  EXPECT_EQ(folder_.read("notes/file"), "notes");
  EXPECT_EQ(folder_.read("outside/secret"), "secret");
  EXPECT_FALSE(folder_.exists("notes/new"));
  EXPECT_FALSE(folder_.exists("outside/new"));
  EXPECT_FALSE(folder_.exists("work/.ssh"));
}

TEST_F(FileWriting, NeedsTheCapabilityOfWritingAndNotThatOfReading) {
  Config reading = config();
  reading.capabilities = {Capability::fs_read};
  use(reading);
  EXPECT_EQ(kind_of(write("work/file", "x")), ErrorKind::denied);
  EXPECT_EQ(folder_.read("work/file"), "content");
  Config writing = config();
  writing.capabilities = {Capability::fs_write};
  use(writing);
  EXPECT_TRUE(write("work/file", "x"));
  EXPECT_EQ(folder_.read("work/file"), "x");
  EXPECT_EQ(kind_of(read("work/file")), ErrorKind::denied);
}

TEST_F(FileWriting, GoesThroughLinksThatStayInsideAndKeepsThem) {
  folder_.write("work/sub/real", "real");
  folder_.link("work/link", "sub/real");
  folder_.link("work/folder", "sub");
  EXPECT_TRUE(write("work/link", "written"));
  EXPECT_EQ(folder_.read("work/sub/real"), "written");
  EXPECT_TRUE(S_ISLNK(status_of("work/link").st_mode));
  EXPECT_TRUE(append("work/link", "+"));
  EXPECT_EQ(folder_.read("work/sub/real"), "written+");
  EXPECT_TRUE(write("work/folder/new", "new"));
  EXPECT_EQ(folder_.read("work/sub/new"), "new");
}

TEST_F(FileWriting, LinksThatLeadOutWriteNothing) {
  folder_.link("work/file_out", in("outside/secret"));
  folder_.link("work/folder_out", in("outside"));
  folder_.link("work/dangling", in("outside/new"));
  folder_.link("work/dangling_inside", "nothing");
  folder_.make_folder("work/real");
  folder_.link("work/to_real", "real");
  folder_.link("work/real/dangling", "../nothing");
  for (const WriteMode mode : {WriteMode::replace, WriteMode::append, WriteMode::create_new}) {
    for (const char* name : {"work/file_out", "work/folder_out/secret", "work/folder_out/new",
                             "work/dangling", "work/dangling_inside", "work/to_real/dangling"}) {
      EXPECT_EQ(kind_of(write(name, "x", {.mode = mode})), ErrorKind::denied) << name;
    }
  }
  EXPECT_EQ(folder_.read("outside/secret"), "secret");
  EXPECT_FALSE(folder_.exists("outside/new"));
  EXPECT_FALSE(folder_.exists("work/nothing"));
}

TEST_F(FileWriting, AFileWithSeveralNamesIsOnlyWrittenWhenThePolicySaysSo) {
  ASSERT_EQ(::link(in("outside/secret").c_str(), in("work/hard").c_str()), 0);
  EXPECT_EQ(kind_of(write("work/hard", "x")), ErrorKind::denied);
  EXPECT_EQ(kind_of(append("work/hard", "x")), ErrorKind::denied);
  EXPECT_EQ(folder_.read("outside/secret"), "secret");
  Config allowing = config();
  allowing.allow_hard_links = true;
  use(allowing);
  EXPECT_TRUE(append("work/hard", "+"));
  EXPECT_EQ(folder_.read("outside/secret"), "secret+");
  EXPECT_TRUE(write("work/hard", "mine"));
  EXPECT_EQ(folder_.read("work/hard"), "mine");
  EXPECT_EQ(folder_.read("outside/secret"), "secret+") << "replacing gives this name its own file";
}

TEST_F(FileWriting, KeepsModeOwnerAndAttributes) {
  ASSERT_EQ(::chmod(in("work/file").c_str(), 0751), 0);
  EXPECT_TRUE(write("work/file", "x"));
  EXPECT_EQ(status_of("work/file").st_mode & 07777U, 0751U);
  ASSERT_EQ(::chmod(in("work/file").c_str(), 04755), 0);
  EXPECT_TRUE(write("work/file", "x"));
  EXPECT_EQ(status_of("work/file").st_mode & 07777U, 0755U) << "new content runs as nobody else";
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(in("work/file").c_str(), 1234, 2345), 0);
    EXPECT_TRUE(write("work/file", "y"));
    EXPECT_EQ(status_of("work/file").st_uid, 1234U);
    EXPECT_EQ(status_of("work/file").st_gid, 2345U);
  }
  if (::setxattr(in("work/file").c_str(), "user.note", "kept", 4, 0) == 0) {
    EXPECT_TRUE(write("work/file", "z"));
    char value[8] = {};
    EXPECT_EQ(::getxattr(in("work/file").c_str(), "user.note", value, sizeof value), 4);
    EXPECT_STREQ(value, "kept");
  }
}

TEST_F(FileWriting, BytesAndFilesAreCountedBeforeAnythingHappens) {
  Config small = config();
  small.max_write_bytes = 10;
  small.max_files_created = 2;
  use(small);
  EXPECT_TRUE(write("work/file", "12345678"));
  EXPECT_EQ(kind_of(write("work/file", "123")), ErrorKind::limit);
  EXPECT_EQ(folder_.read("work/file"), "12345678");
  EXPECT_TRUE(append("work/file", "90"));
  EXPECT_EQ(kind_of(append("work/file", "1")), ErrorKind::limit);
  EXPECT_TRUE(write("work/one", ""));
  EXPECT_TRUE(make_directory(*context_, in("work/two")));
  EXPECT_EQ(kind_of(write("work/three", "")), ErrorKind::limit);
  EXPECT_EQ(kind_of(append("work/three", "")), ErrorKind::limit);
  EXPECT_EQ(kind_of(create("work/three", "")), ErrorKind::limit);
  EXPECT_EQ(kind_of(make_directory(*context_, in("work/three"))), ErrorKind::limit);
  EXPECT_FALSE(folder_.exists("work/three"));
  EXPECT_TRUE(write("work/one", "")) << "it is there already";
}

TEST_F(FileWriting, AFileCannotGrowBeyondItsLimit) {
  Config small = config();
  small.max_file_bytes = 10;
  use(small);
  EXPECT_TRUE(write("work/file", "1234567890"));
  EXPECT_EQ(kind_of(write("work/file", "12345678901")), ErrorKind::too_large);
  EXPECT_EQ(kind_of(append("work/file", "1")), ErrorKind::too_large);
  EXPECT_EQ(kind_of(write("work/new", "12345678901")), ErrorKind::too_large);
  EXPECT_EQ(folder_.read("work/file"), "1234567890");
  EXPECT_FALSE(folder_.exists("work/new"));
  EXPECT_TRUE(append("work/file", ""));
}

TEST_F(FileWriting, ASingleAllowedFileIsReplacedAgainAndAgain) {
  Config one = config();
  one.allowed_paths = {in("work/file")};
  use(one);
  for (const char* content : {"one", "two", "three"}) {
    ASSERT_TRUE(write("work/file", content));
    EXPECT_EQ(read("work/file").value(), content);
  }
  EXPECT_EQ(kind_of(write("work/other", "x")), ErrorKind::denied);
  EXPECT_TRUE(delete_file(*context_, in("work/file")));
  EXPECT_TRUE(create("work/file", "again"));
  EXPECT_EQ(folder_.read("work/file"), "again");
}

TEST_F(FileWriting, ManyWritersOfOneFileLeaveOneContentAndNothingElse) {
  std::vector<std::jthread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([this, writer] {
      const std::string content(10'000, static_cast<char>('a' + writer));
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(write("work/shared", content));
        const auto now = read("work/shared");
        ASSERT_TRUE(now) << now.error().message;
        EXPECT_EQ(*now, std::string(10'000, now->front()));
      }
    });
  }
  writers.clear();
  EXPECT_EQ(leftovers("work"), 0U);
}

TEST_F(FileWriting, WhatAKilledWriterLeftIsRemovedByTheNext) {
  // The name that a writer of this target uses, found by watching for it.
  ASSERT_TRUE(write("work/target", "first"));
  std::string temporary;
  std::jthread writer([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      EXPECT_TRUE(write("work/target", "again"));
    }
  });
  for (int i = 0; i < 1'000'000 && temporary.empty(); ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(in("work"))) {
      if (entry.path().filename().string().starts_with(".omnisandbox-")) {
        temporary = entry.path().string();
      }
    }
  }
  writer = {};
  ASSERT_FALSE(temporary.empty());
  ASSERT_EQ(leftovers("work"), 0U);
  {
    // Somebody else is at work.
    const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ASSERT_EQ(::flock(file, LOCK_EX), 0);
    EXPECT_TRUE(write("work/target", "second"));
    EXPECT_EQ(folder_.read("work/target"), "second");
    EXPECT_EQ(leftovers("work"), 1U) << "his file stays";
    ::close(file);
  }
  // And now he is gone.
  EXPECT_TRUE(write("work/target", "third"));
  EXPECT_EQ(folder_.read("work/target"), "third");
  EXPECT_EQ(leftovers("work"), 0U);
  // Whatever else has the name is none of our business, and does not disturb.
  ASSERT_EQ(::mkfifo(temporary.c_str(), 0644), 0);
  EXPECT_TRUE(write("work/target", "fourth"));
  EXPECT_EQ(leftovers("work"), 1U);
}

TEST_F(FileWriting, AFullDiskIsSaidAndTheOldContentStays) {
  constexpr int no_namespace = 77;
  const int result = test::in_child([this] {
    if (!linux_::take_own_mounts() ||
        ::mount("tmpfs", in("work").c_str(), "tmpfs", 0, "size=64k") != 0) {
      return no_namespace;
    }
    Config large = config();
    large.max_file_bytes = 1'000'000;
    use(large);
    const std::string old_content(20'000, 'o');
    const std::string huge(200'000, 'n');
    if (!write("work/file", old_content)) {
      return 1;
    }
    for (const WriteMode mode : {WriteMode::replace, WriteMode::append}) {
      const auto full = write("work/file", huge, {.mode = mode});
      if (full || full.error().kind != ErrorKind::io || full.error().system_errno != ENOSPC ||
          full.error().message.find("free some space") == std::string::npos) {
        return 2;
      }
      if (folder_.read("work/file") != old_content) {
        return 3;
      }
    }
    if (write("work/other", huge) || folder_.exists("work/other") || leftovers("work") != 0) {
      return 4;
    }
    return write("work/file", "small") && folder_.read("work/file") == "small" ? 0 : 5;
  });
  if (result == no_namespace) {
    GTEST_SKIP() << "this machine gives no user namespace to mount a small disk in";
  }
  EXPECT_EQ(result, 0);
}

TEST_F(FileWriting, AKilledWriterLeavesTheOldContentOrTheNew) {
  constexpr std::size_t size = 512 * 1024;
  constexpr int kills = 40;
  std::mt19937 random(20'240'501);
  ASSERT_TRUE(write("work/file", std::string(size, 'a')));
  for (int round = 0; round < kills; ++round) {
    const pid_t writer = ::fork();
    ASSERT_GE(writer, 0);
    if (writer == 0) {
      for (int i = 0;; ++i) {
        if (!write("work/file", std::string(size, static_cast<char>('a' + i % 26)))) {
          ::_exit(1);
        }
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + random() % 5000));
    ASSERT_EQ(::kill(writer, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself";
    const std::string content = folder_.read("work/file");
    ASSERT_EQ(content.size(), size);
    ASSERT_EQ(content, std::string(size, content[0]));
  }
  // Only a kill between two calls that follow each other leaves a name behind; most leave nothing.
  EXPECT_LE(leftovers("work"), 3U);
}

}  // namespace
}  // namespace omnisandbox::host_functions
