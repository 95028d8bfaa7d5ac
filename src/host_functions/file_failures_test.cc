// What the system refuses, and what happens between two of our calls.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "host_functions/file_test_run.h"
#include "linux/test_answered_calls.h"
#include "linux/test_ordinary_user.h"

namespace omnisandbox::host_functions {
namespace {

using linux_::CallAnswer;
using linux_::pointed_to;
using linux_::with_call_failing;
using linux_::with_calls_answered;
using testing::HasSubstr;

constexpr const char* no_listener = "this kernel hands no system calls over";

// A folder as getdents64(2) gives it, of a file system that does not say what its entries are.
CallAnswer list_without_types(const seccomp_data& call) {
  auto* buffer = pointed_to<char>(call, 1);
  const long length =
      ::syscall(SYS_getdents64, static_cast<int>(call.args[0]), buffer, call.args[2]);
  for (long at = 0; at < length;) {
    auto* entry = reinterpret_cast<dirent64*>(buffer + at);
    entry->d_type = DT_UNKNOWN;
    at += entry->d_reclen;
  }
  return CallAnswer::returned(length);
}

// A file system without unnamed files.
CallAnswer refuse_unnamed_files(const seccomp_data& call) {
  if (call.nr != SYS_openat2) {
    return CallAnswer::carried_out();
  }
  const auto* how = pointed_to<open_how>(call, 2);
  return (how->flags & O_TMPFILE) == O_TMPFILE ? CallAnswer::refused(EOPNOTSUPP)
                                               : CallAnswer::carried_out();
}

class FileFailures : public FileTestRun {
 protected:
  struct stat status_of(std::string_view name) const {
    struct stat status {};
    EXPECT_EQ(::lstat(in(name).c_str(), &status), 0) << name;
    return status;
  }
  // Nobody can create or remove a name in "work" then, nor write "work/file", except for root.
  void close_for_writing() const {
    ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
    ASSERT_EQ(::chmod(in("work/file").c_str(), 0444), 0);
    ASSERT_EQ(::chmod(in("work").c_str(), 0555), 0);
  }
  void expect_refused_by_the_system(const Expected<void>& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().system_errno, EACCES) << result.error().message;
    EXPECT_FALSE(result.error().denial) << "the policy allows it";
    EXPECT_THAT(result.error().message, HasSubstr("the system does not let this user"));
  }
};

TEST_F(FileFailures, AReadThatFailsIsSaid) {
  const bool works = with_call_failing(SYS_preadv, EIO, [this] {
    const auto content = read("work/file");
    ASSERT_FALSE(content);
    EXPECT_EQ(content.error().system_errno, EIO);
    EXPECT_EQ(content.error().kind, ErrorKind::io);
    EXPECT_THAT(content.error().message, HasSubstr("reading " + in("work/file")));
  });
  if (!works) GTEST_SKIP() << no_listener;
  EXPECT_EQ(read("work/file").value(), "content");
}

TEST_F(FileFailures, AQuotaThatIsUsedUpIsSaidAndTheOldContentStays) {
  for (const int call : {SYS_write, SYS_fsync, SYS_linkat, SYS_renameat2, SYS_openat2}) {
    int answered = 0;
    const bool works = with_calls_answered(
        {call},
        [&](const seccomp_data& data) {
          // A sanitizer writes to a pipe, to see whether memory is there.
          struct stat status {};
          const bool is_elsewhere =
              data.nr == SYS_write &&
              (::fstat(static_cast<int>(data.args[0]), &status) != 0 || !S_ISREG(status.st_mode));
          const bool makes_a_file =
              !is_elsewhere && (data.nr != SYS_openat2 ||
                                (pointed_to<open_how>(data, 2)->flags & O_ACCMODE) != O_RDONLY);
          answered += makes_a_file ? 1 : 0;
          return makes_a_file ? CallAnswer::refused(EDQUOT) : CallAnswer::carried_out();
        },
        [&] {
          const auto refused = write("work/file", "new");
          if (answered == 0) {
            EXPECT_TRUE(refused) << "nothing was refused";
            return;
          }
          ASSERT_FALSE(refused) << call;
          EXPECT_EQ(refused.error().system_errno, EDQUOT) << call;
          EXPECT_THAT(refused.error().message, HasSubstr("free some space")) << call;
        });
    if (!works) GTEST_SKIP() << no_listener;
    if (answered > 0) {
      EXPECT_EQ(read("work/file").value(), "content") << call;
    }
    EXPECT_EQ(leftovers("work"), 0U) << call;
    ASSERT_TRUE(write("work/file", "content"));
  }
}

TEST_F(FileFailures, AListingThatFailsIsSaidAndNotShort) {
  const bool works = with_call_failing(SYS_getdents64, EIO, [this] {
    const auto entries = list_files(*context_, in("work"));
    ASSERT_FALSE(entries);
    EXPECT_EQ(entries.error().system_errno, EIO);
    EXPECT_THAT(entries.error().message, HasSubstr("listing " + in("work")));
  });
  if (!works) GTEST_SKIP() << no_listener;
}

TEST_F(FileFailures, AListingKnowsTheTypesThatTheFileSystemDoesNotTell) {
  folder_.make_folder("work/folder");
  folder_.link("work/link", "file");
  ASSERT_EQ(::mkfifo(in("work/pipe").c_str(), 0600), 0);
  const auto expect_types = [this] {
    const auto entries = list_files(*context_, in("work"));
    ASSERT_TRUE(entries) << entries.error().message;
    ASSERT_EQ(entries->size(), 4U);
    EXPECT_EQ(entries->at(0).type, FileType::regular);
    EXPECT_EQ(entries->at(1).type, FileType::directory);
    EXPECT_EQ(entries->at(2).type, FileType::symlink);
    EXPECT_EQ(entries->at(3).type, FileType::other);
  };
  expect_types();
  if (!with_calls_answered({SYS_getdents64}, list_without_types, expect_types)) {
    GTEST_SKIP() << no_listener;
  }
}

TEST_F(FileFailures, WhatTheSystemRefusesIsSaidToBeItsRefusal) {
  folder_.make_folder("work/empty");
  close_for_writing();
  const bool works = linux_::as_ordinary_user([this] {
    expect_refused_by_the_system(write("work/new", "x"));
    expect_refused_by_the_system(write("work/file", "x"));
    expect_refused_by_the_system(create("work/new", "x"));
    expect_refused_by_the_system(append("work/new", "x"));
    expect_refused_by_the_system(append("work/file", "x"));
    expect_refused_by_the_system(make_directory(*context_, in("work/new")));
    expect_refused_by_the_system(delete_file(*context_, in("work/file")));
    expect_refused_by_the_system(delete_file(*context_, in("work/empty")));
  });
  if (!works) GTEST_SKIP() << "root cannot become an ordinary user here";
  EXPECT_EQ(folder_.read("work/file"), "content");
  EXPECT_FALSE(folder_.exists("work/new"));
  EXPECT_TRUE(folder_.exists("work/empty"));
  EXPECT_EQ(leftovers("work"), 0U);
}

TEST_F(FileFailures, AGroupThatCannotBeGivenLendsItsRightsToNoOther) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root to give a file to a group that its owner is not in";
  }
  constexpr gid_t foreign_group = 2345;
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chown(in("work").c_str(), linux_::ordinary_user, linux_::ordinary_user), 0);
  ASSERT_EQ(::chown(in("work/file").c_str(), linux_::ordinary_user, foreign_group), 0);
  ASSERT_EQ(::chmod(in("work/file").c_str(), 0674), 0);
  const bool works = linux_::as_ordinary_user([this] {
    const auto written = write("work/file", "new");
    EXPECT_TRUE(written) << written.error().message;
  });
  if (!works) GTEST_SKIP() << "root cannot become an ordinary user here";
  EXPECT_EQ(folder_.read("work/file"), "new");
  EXPECT_EQ(status_of("work/file").st_gid, linux_::ordinary_user);
  EXPECT_EQ(status_of("work/file").st_mode & 0777U, 0644U);
}

TEST_F(FileFailures, FilesAreReplacedAsWholesWhereNoneIsWithoutAName) {
  const bool works = with_calls_answered({SYS_openat2}, refuse_unnamed_files, [this] {
    EXPECT_TRUE(write("work/file", "new"));
    EXPECT_TRUE(write("work/fresh", "fresh"));
    EXPECT_TRUE(create("work/created", "created"));
    EXPECT_EQ(kind_of(create("work/created", "again")), ErrorKind::already_exists);
  });
  if (!works) GTEST_SKIP() << no_listener;
  EXPECT_EQ(folder_.read("work/file"), "new");
  EXPECT_EQ(folder_.read("work/fresh"), "fresh");
  EXPECT_EQ(folder_.read("work/created"), "created");
  EXPECT_EQ(leftovers("work"), 0U);
}

TEST_F(FileFailures, AFullDiskLeavesNoTemporaryName) {
  static constexpr std::string_view content = "does not fit";
  const auto answer = [&](const seccomp_data& call) {
    if (call.nr == SYS_write) {
      // Others are a sanitizer's, which looks so whether memory is there.
      return call.args[2] == content.size() ? CallAnswer::refused(ENOSPC)
                                            : CallAnswer::carried_out();
    }
    return refuse_unnamed_files(call);
  };
  const bool works = with_calls_answered({SYS_openat2, SYS_write}, answer, [this] {
    for (const char* name : {"work/file", "work/new"}) {
      const auto full = write(name, content);
      ASSERT_FALSE(full) << name;
      EXPECT_EQ(full.error().system_errno, ENOSPC);
      EXPECT_THAT(full.error().message, HasSubstr("free some space"));
    }
  });
  if (!works) GTEST_SKIP() << no_listener;
  EXPECT_EQ(folder_.read("work/file"), "content");
  EXPECT_FALSE(folder_.exists("work/new"));
  EXPECT_EQ(leftovers("work"), 0U);
}

TEST_F(FileFailures, ANameThatIsTakenMeanwhileStaysWhoseItIs) {
  const auto answer = [this](const seccomp_data& call) {
    if (call.nr == SYS_linkat && !folder_.exists("work/new")) {
      folder_.write("work/new", "of somebody else");
    }
    return refuse_unnamed_files(call);
  };
  for (const bool has_unnamed_files : {true, false}) {
    const auto calls = has_unnamed_files ? std::vector<long>{SYS_linkat}
                                         : std::vector<long>{SYS_linkat, SYS_openat2};
    const bool works = with_calls_answered(calls, answer, [this] {
      const auto created = create("work/new", "mine");
      ASSERT_FALSE(created);
      EXPECT_EQ(created.error().kind, ErrorKind::already_exists) << created.error().message;
    });
    if (!works) GTEST_SKIP() << no_listener;
    EXPECT_EQ(folder_.read("work/new"), "of somebody else");
    EXPECT_EQ(leftovers("work"), 0U);
    std::filesystem::remove(in("work/new"));
  }
}

TEST_F(FileFailures, WhereNoTemporaryNameCanBeMadeNothingIsWritten) {
  close_for_writing();
  bool works = false;
  const bool is_ordinary = linux_::as_ordinary_user([&] {
    works = with_calls_answered({SYS_openat2}, refuse_unnamed_files, [this] {
      expect_refused_by_the_system(write("work/file", "new"));
      expect_refused_by_the_system(write("work/new", "new"));
    });
  });
  if (!is_ordinary || !works) GTEST_SKIP() << no_listener;
  EXPECT_EQ(folder_.read("work/file"), "content");
  EXPECT_FALSE(folder_.exists("work/new"));
}

TEST_F(FileFailures, AFileThatBecomesAFolderMeanwhileIsNotReplaced) {
  const auto answer = [this](const seccomp_data&) {
    std::filesystem::remove(in("work/file"));
    folder_.write("work/file/inner", "of somebody else");
    return CallAnswer::carried_out();
  };
  const bool works = with_calls_answered({SYS_renameat, SYS_renameat2}, answer, [this] {
    const auto written = write("work/file", "mine");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().system_errno, EISDIR) << written.error().message;
  });
  if (!works) GTEST_SKIP() << no_listener;
  EXPECT_EQ(folder_.read("work/file/inner"), "of somebody else");
  EXPECT_EQ(leftovers("work"), 0U);
}

TEST_F(FileFailures, AFolderIsNoFileToWrite) {
  folder_.write("work/folder/inner", "kept");
  for (const WriteMode mode : {WriteMode::replace, WriteMode::append}) {
    const auto written = write("work/folder", "x", {.mode = mode});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().system_errno, EISDIR);
    EXPECT_THAT(written.error().message, HasSubstr("it is a folder"));
  }
  EXPECT_EQ(folder_.read("work/folder/inner"), "kept");
}

}  // namespace
}  // namespace omnisandbox::host_functions
