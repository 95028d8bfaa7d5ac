#include "host_functions/file_functions.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "host_functions/file_test_run.h"

namespace omnisandbox::host_functions {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class FileFunctions : public FileTestRun {
 protected:
  std::vector<std::string> list(std::string_view name) {
    std::vector<std::string> names;
    const auto entries = list_files(*context_, in(name));
    EXPECT_TRUE(entries) << entries.error().message;
    for (const auto& entry : entries.value_or(std::vector<DirectoryEntry>())) {
      names.push_back(entry.name);
    }
    return names;
  }
};

TEST_F(FileFunctions, WithoutRulesNothingIsReadAndTheDenialIsRecorded) {
  use(Config{.capabilities = {Capability::fs_read}});
  const auto content = read_file(*context_, "/etc/passwd", {});
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().kind, ErrorKind::denied);
  EXPECT_EQ(context_->denial_count(), 1U);
}

TEST_F(FileFunctions, ReadsWhatIsAllowed) {
  EXPECT_EQ(read("work/file").value(), "content");
  EXPECT_EQ(read("notes/file").value(), "notes");
  EXPECT_EQ(kind_of(read("outside/secret")), ErrorKind::denied);
  EXPECT_EQ(kind_of(read("work/missing")), ErrorKind::not_found);
  EXPECT_EQ(kind_of(read("work")), ErrorKind::invalid_argument);
  folder_.link("work/out", in("outside/secret"));
  EXPECT_EQ(kind_of(read("work/out")), ErrorKind::denied);
}

TEST_F(FileFunctions, ReadsFilesOfEverySize) {
  for (const std::size_t size : {0U, 1U, 4096U, 16383U, 16384U, 16385U, 100'000U, 1'048'576U}) {
    std::string content(size, 'x');
    for (std::size_t i = 0; i < size; i += 97) {
      content[i] = static_cast<char>(i);
    }
    folder_.write("work/sized", content);
    EXPECT_EQ(read("work/sized").value(), content) << size;
    EXPECT_EQ(read("work/sized", {.offset = 5}).value(), size < 5 ? "" : content.substr(5)) << size;
    EXPECT_EQ(read("work/sized", {.offset = 1, .length = 20'000}).value(),
              size < 1 ? "" : content.substr(1, 20'000))
        << size;
  }
}

TEST_F(FileFunctions, ReadsRanges) {
  EXPECT_EQ(read("work/file", {.offset = 3}).value(), "tent");
  EXPECT_EQ(read("work/file", {.offset = 3, .length = 2}).value(), "te");
  EXPECT_EQ(read("work/file", {.offset = 0, .length = 0}).value(), "");
  EXPECT_EQ(read("work/file", {.offset = 100}).value(), "");
  EXPECT_EQ(read("work/file", {.offset = UINT64_MAX}).value(), "");
  EXPECT_EQ(read("work/file", {.offset = UINT64_MAX / 2, .length = UINT64_MAX}).value(), "");
  EXPECT_EQ(read("work/file", {.offset = 2, .length = UINT64_MAX}).value(), "ntent");
}

TEST_F(FileFunctions, AFileBeyondTheLimitIsAnErrorAndItsRangeIsNot) {
  Config small = config();
  small.max_file_bytes = 1000;
  use(small);
  folder_.write("work/fits", std::string(1000, 'a'));
  folder_.write("work/large", std::string(1001, 'a'));
  EXPECT_EQ(read("work/fits")->size(), 1000U);
  const auto large = read("work/large");
  ASSERT_EQ(kind_of(large), ErrorKind::too_large);
  EXPECT_THAT(large.error().message, HasSubstr("1000"));
  EXPECT_THAT(large.error().message, HasSubstr("max_file_bytes"));
  EXPECT_EQ(read("work/large", {.offset = 1})->size(), 1000U);
  EXPECT_EQ(read("work/large", {.offset = 0, .length = 1000})->size(), 1000U);
  EXPECT_EQ(kind_of(read("work/large", {.offset = 0, .length = 1001})), ErrorKind::too_large);
  EXPECT_EQ(read("work/file", {.offset = 0, .length = 5000}).value(), "content")
      << "what comes counts, not what was asked for";
}

TEST_F(FileFunctions, AHugeSparseFileIsRefusedAtOnce) {
  const int file = ::open(in("work/huge").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  ASSERT_EQ(::ftruncate(file, 10LL << 30), 0);
  ::close(file);
  EXPECT_EQ(kind_of(read("work/huge")), ErrorKind::too_large);
  EXPECT_EQ(read("work/huge", {.offset = 5ULL << 30, .length = 3}).value(), std::string(3, '\0'));
}

TEST_F(FileFunctions, FilesThatSayTheyAreEmptyAreReadToTheEnd) {
  use(Config{.capabilities = {Capability::fs_read}, .allowed_paths = {"/proc"}});
  const auto status = read_file(*context_, "/proc/self/status", {});
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_THAT(*status, HasSubstr("Pid:"));
  EXPECT_EQ(read_file(*context_, "/proc/self/status", {.offset = 0, .length = 4})->size(), 4U);
  Config small{.capabilities = {Capability::fs_read}, .allowed_paths = {"/proc"}};
  small.max_file_bytes = 10;
  use(small);
  EXPECT_EQ(kind_of(read_file(*context_, "/proc/self/status", {})), ErrorKind::too_large);
}

TEST_F(FileFunctions, AFileThatGrowsWhileItIsReadStaysBounded) {
  Config small = config();
  small.max_file_bytes = 300'000;
  use(small);
  std::jthread writer([&](const std::stop_token& stop) {
    const int file = ::open(in("work/grows").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    const std::string chunk(4096, 'g');
    for (int i = 0; !stop.stop_requested() && i < 20'000; ++i) {
      EXPECT_EQ(::write(file, chunk.data(), chunk.size()), 4096);
    }
    ::close(file);
  });
  for (int i = 0; i < 200; ++i) {
    const auto content = read("work/grows");
    if (content) {
      EXPECT_LE(content->size(), 300'000U);
    } else if (content.error().kind != ErrorKind::not_found) {
      EXPECT_EQ(content.error().kind, ErrorKind::too_large) << content.error().message;
    }
  }
}

TEST_F(FileFunctions, WhatIsNoFileIsRefusedAtOnce) {
  ASSERT_EQ(::mkfifo(in("work/fifo").c_str(), 0644), 0);
  EXPECT_EQ(kind_of(read("work/fifo")), ErrorKind::invalid_argument);
  EXPECT_EQ(kind_of(write("work/fifo", "x")), ErrorKind::invalid_argument);
  EXPECT_EQ(kind_of(append("work/fifo", "x")), ErrorKind::invalid_argument);
  EXPECT_EQ(kind_of(write("work", "x")), ErrorKind::invalid_argument);
  EXPECT_EQ(kind_of(write("work/sub/", "x")), ErrorKind::invalid_argument);
  if (::mknod(in("work/zero").c_str(), S_IFCHR | 0666, makedev(1, 5)) == 0) {
    EXPECT_EQ(kind_of(read("work/zero")), ErrorKind::invalid_argument);
    EXPECT_EQ(kind_of(write("work/zero", "x")), ErrorKind::invalid_argument);
    EXPECT_EQ(stat_file(*context_, in("work/zero"))->type, FileType::other);
  }
  EXPECT_EQ(stat_file(*context_, in("work/fifo"))->type, FileType::other);
}

TEST_F(FileFunctions, TellsWhatAFileIs) {
  const auto info = stat_file(*context_, in("work/file"));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->type, FileType::regular);
  EXPECT_EQ(info->size_bytes, 7U);
  EXPECT_EQ(info->mode & 0400U, 0400U);
  const auto age = std::chrono::system_clock::now() - info->modified;
  EXPECT_LT(std::chrono::abs(age), std::chrono::minutes(5));
  EXPECT_EQ(stat_file(*context_, in("work"))->type, FileType::directory);
  folder_.link("work/link", "file");
  EXPECT_EQ(stat_file(*context_, in("work/link"))->size_bytes, 7U) << "of what it leads to";
  EXPECT_EQ(kind_of(stat_file(*context_, in("outside/secret"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(stat_file(*context_, in("outside/missing"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(stat_file(*context_, in("work/missing"))), ErrorKind::not_found);
}

TEST_F(FileFunctions, ListsSortedAndHidesWhatIsClosed) {
  folder_.write("work/.env", "PASSWORD=1");
  folder_.write("work/zebra", "");
  folder_.write("work/.ssh/id_rsa", "");
  folder_.write("work/apple/core", "");
  folder_.write("work/key.pem", "");
  folder_.link("work/link", in("outside"));
  Config hiding = config();
  hiding.allowed_paths.emplace_back("**/*.pem", PathAccess::none);
  use(hiding);
  EXPECT_THAT(list("work"), ElementsAre("apple", "file", "link", "zebra"));
  const auto entries = list_files(*context_, in("work"));
  EXPECT_EQ(entries->at(0).type, FileType::directory);
  EXPECT_EQ(entries->at(1).type, FileType::regular);
  EXPECT_EQ(entries->at(2).type, FileType::symlink);
  EXPECT_EQ(context_->denial_count(), 0U) << "leaving out is no denial";
  EXPECT_EQ(kind_of(list_files(*context_, in("work/link"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(list_files(*context_, in("work/.ssh"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(list_files(*context_, in("outside"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(list_files(*context_, folder_.path())), ErrorKind::denied);
  EXPECT_EQ(kind_of(list_files(*context_, in("work/file"))), ErrorKind::not_found);
}

TEST_F(FileFunctions, DeletesFilesAndEmptyFoldersAndLinksThemselves) {
  folder_.make_folder("work/empty");
  folder_.write("work/full/x", "");
  folder_.link("work/link", in("outside/secret"));
  EXPECT_TRUE(delete_file(*context_, in("work/file")));
  EXPECT_TRUE(delete_file(*context_, in("work/empty")));
  EXPECT_TRUE(delete_file(*context_, in("work/link")));
  EXPECT_FALSE(folder_.exists("work/file"));
  EXPECT_FALSE(folder_.exists("work/empty"));
  EXPECT_FALSE(folder_.exists("work/link"));
  EXPECT_EQ(folder_.read("outside/secret"), "secret");
  const auto full = delete_file(*context_, in("work/full"));
  ASSERT_FALSE(full);
  EXPECT_THAT(full.error().message, HasSubstr("what is in it first"));
  EXPECT_EQ(kind_of(delete_file(*context_, in("work/missing"))), ErrorKind::not_found);
  EXPECT_EQ(kind_of(delete_file(*context_, in("work/full/x/"))), ErrorKind::not_found);
  EXPECT_EQ(kind_of(delete_file(*context_, in("work"))), ErrorKind::invalid_argument);
  EXPECT_EQ(kind_of(delete_file(*context_, in("notes/file"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(delete_file(*context_, in("outside/secret"))), ErrorKind::denied);
  folder_.link("work/out", in("outside"));
  EXPECT_EQ(kind_of(delete_file(*context_, in("work/out/secret"))), ErrorKind::denied);
  EXPECT_TRUE(folder_.exists("outside/secret"));
  EXPECT_TRUE(folder_.exists("notes/file"));
  EXPECT_TRUE(folder_.exists("work/full/x"));
}

TEST_F(FileFunctions, MakesFolders) {
  EXPECT_TRUE(make_directory(*context_, in("work/new")));
  EXPECT_TRUE(make_directory(*context_, in("work/new/deeper/")));
  EXPECT_TRUE(folder_.exists("work/new/deeper"));
  EXPECT_EQ(kind_of(make_directory(*context_, in("work/new"))), ErrorKind::already_exists);
  EXPECT_EQ(kind_of(make_directory(*context_, in("work"))), ErrorKind::already_exists);
  EXPECT_EQ(kind_of(make_directory(*context_, in("work/no/such"))), ErrorKind::not_found);
  EXPECT_EQ(kind_of(make_directory(*context_, in("notes/new"))), ErrorKind::denied);
  EXPECT_EQ(kind_of(make_directory(*context_, in("outside/new"))), ErrorKind::denied);
  folder_.link("work/dangling", in("outside/new"));
  EXPECT_EQ(kind_of(make_directory(*context_, in("work/dangling"))), ErrorKind::already_exists);
  EXPECT_FALSE(folder_.exists("notes/new"));
  EXPECT_FALSE(folder_.exists("outside/new"));
}

TEST_F(FileFunctions, EveryDecisionIsRecordedOnce) {
  folder_.link("work/out", in("outside/secret"));
  const auto records_of = [&](auto&& call) {
    audit_->records.clear();
    static_cast<void>(call());
    return audit_->records.size();
  };
  EXPECT_EQ(records_of([&] { return read("work/file").has_value(); }), 1U);
  EXPECT_TRUE(audit_->records[0].granted);
  EXPECT_EQ(audit_->records[0].operation, "fs_read");
  EXPECT_THAT(audit_->records[0].rule, HasSubstr("allowed_paths[0]"));
  EXPECT_EQ(records_of([&] { return read("work/out").has_value(); }), 1U);
  EXPECT_FALSE(audit_->records[0].granted);
  EXPECT_EQ(audit_->records[0].resource, in("work/out"));
  EXPECT_EQ(records_of([&] { return write("work/a", "x").has_value(); }), 1U);
  EXPECT_EQ(records_of([&] { return write("notes/a", "x").has_value(); }), 1U);
  EXPECT_EQ(records_of([&] { return append("work/a", "x").has_value(); }), 1U);
  EXPECT_EQ(records_of([&] { return append("work/b", "x").has_value(); }), 1U);
  EXPECT_EQ(records_of([&] { return list_files(*context_, in("work")).has_value(); }), 1U);
  EXPECT_EQ(records_of([&] { return stat_file(*context_, in("work")).has_value(); }), 1U);
  EXPECT_EQ(records_of([&] { return delete_file(*context_, in("work/a")).has_value(); }), 1U);
  EXPECT_EQ(records_of([&] { return make_directory(*context_, in("work/d")).has_value(); }), 1U);
}

TEST_F(FileFunctions, WithoutTheRecordNothingHappens) {
  Config strict = config();
  strict.audit_required = true;
  use(strict);
  audit_->fails = true;
  EXPECT_EQ(kind_of(read("work/file")), ErrorKind::unavailable);
  EXPECT_EQ(kind_of(write("work/file", "changed")), ErrorKind::unavailable);
  EXPECT_EQ(kind_of(append("work/file", "more")), ErrorKind::unavailable);
  EXPECT_EQ(kind_of(append("work/new", "more")), ErrorKind::unavailable);
  EXPECT_EQ(kind_of(delete_file(*context_, in("work/file"))), ErrorKind::unavailable);
  EXPECT_EQ(kind_of(make_directory(*context_, in("work/dir"))), ErrorKind::unavailable);
  EXPECT_EQ(folder_.read("work/file"), "content");
  EXPECT_FALSE(folder_.exists("work/new"));
  EXPECT_FALSE(folder_.exists("work/dir"));
}

TEST_F(FileFunctions, CallsAreCountedAndEndAtTheDeadline) {
  Config few = config();
  few.max_host_calls = 3;
  use(few);
  EXPECT_TRUE(read("work/file"));
  EXPECT_TRUE(stat_file(*context_, in("work/file")));
  EXPECT_EQ(kind_of(read("outside/secret")), ErrorKind::denied);
  EXPECT_EQ(kind_of(read("work/file")), ErrorKind::limit);
  EXPECT_EQ(kind_of(write("work/file", "x")), ErrorKind::limit);
  EXPECT_EQ(folder_.read("work/file"), "content");
  use(config(), {.deadline = std::chrono::steady_clock::now()});
  EXPECT_EQ(kind_of(read("work/file")), ErrorKind::timeout);
  EXPECT_EQ(kind_of(write("work/file", "x")), ErrorKind::timeout);
  std::stop_source source;
  use(config(), {.stop = source.get_token()});
  source.request_stop();
  EXPECT_EQ(kind_of(read("work/file")), ErrorKind::cancelled);
  EXPECT_EQ(folder_.read("work/file"), "content");
}

TEST_F(FileFunctions, GuestsNameFilesAsTheySeeThem) {
  Config guest = config();
  guest.allowed_paths = {{in("work"), PathAccess::automatic, "/data"}};
  use(guest, {.path_view = PathView::guest});
  EXPECT_EQ(read_file(*context_, "/data/file", {}).value(), "content");
  EXPECT_TRUE(write_file(*context_, "/data/new", "x", {}));
  EXPECT_TRUE(write_file(*context_, "/data/new", "y", {.mode = WriteMode::append}));
  EXPECT_EQ(folder_.read("work/new"), "xy");
  EXPECT_EQ(kind_of(read_file(*context_, in("work/file"), {})), ErrorKind::denied);
}

TEST_F(FileFunctions, ANarrowedPolicyNeedsBothToAgree) {
  folder_.write("work/sub/file", "sub");
  auto policy = Policy::compile(config());
  ASSERT_TRUE(policy);
  auto narrow = policy->narrow(Config{.capabilities = {Capability::fs_read, Capability::fs_write},
                                      .allowed_paths = {folder_.path()}});
  ASSERT_TRUE(narrow) << narrow.error().message;
  auto context = RunContext::create(*narrow, {});
  ASSERT_TRUE(context);
  EXPECT_TRUE(read_file(**context, in("work/sub/file"), {}));
  EXPECT_TRUE(read_file(**context, in("work/sub/../file"), {}));
  EXPECT_EQ(kind_of(read_file(**context, in("outside/secret"), {})), ErrorKind::denied);
  EXPECT_EQ(kind_of(write_file(**context, in("notes/file"), "x", {})), ErrorKind::denied);
  EXPECT_EQ(kind_of(list_files(**context, folder_.path())), ErrorKind::denied);
}

TEST_F(FileFunctions, NothingIsLeftOpen) {
  folder_.link("work/out", in("outside/secret"));
  const auto open_files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = open_files();
  for (int i = 0; i < 10; ++i) {
    for (const char* name : {"work/file", "work/out", "work/missing/x", "work", "notes/file"}) {
      static_cast<void>(read(name).has_value());
      static_cast<void>(list_files(*context_, in(name)).has_value());
      static_cast<void>(stat_file(*context_, in(name)).has_value());
      static_cast<void>(write(name, "x", {.durability = Durability::synced}).has_value());
      static_cast<void>(append(name, "x").has_value());
      static_cast<void>(make_directory(*context_, in(name)).has_value());
    }
  }
  EXPECT_EQ(open_files(), before);
}

}  // namespace
}  // namespace omnisandbox::host_functions
