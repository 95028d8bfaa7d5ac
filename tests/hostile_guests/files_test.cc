#include <gmock/gmock.h>

#include <filesystem>

#include "guest_fixture.h"

namespace omnisandbox::hostile {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class HostileFiles : public HostileGuest {};

TEST_F(HostileFiles, NoSpellingLinkOrRenameLeavesTheAllowedFolders) {
  const auto outside_before = contents_of(outside());
  const auto evil_before = contents_of(allowed() + "-evil");
  const auto read_only_before = contents_of(read_only());
  Runtime runtime = runtime_for(files_config());
  const Result result = run_guest(runtime, "escape_files", {allowed(), read_only(), outside()});
  EXPECT_EQ(result.status, Status::ok) << describe(result);
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("ESCAPED"))) << describe(result);
  EXPECT_THAT(result.stdout_data, Not(HasSubstr("BROKEN"))) << describe(result);
  EXPECT_THAT(result.stdout_data, HasSubstr("honest: read with WASI ALLOWED/sub/../note.txt"));
  EXPECT_THAT(result.stdout_data, HasSubstr("done\n"));
  EXPECT_EQ(contents_of(outside()), outside_before);
  EXPECT_EQ(contents_of(allowed() + "-evil"), evil_before);
  EXPECT_EQ(contents_of(read_only()), read_only_before);
  EXPECT_GT(result.denial_count, 50U);
  EXPECT_LE(result.denials.size(), max_reported_denials);
}

TEST_F(HostileFiles, WithoutFsWriteNothingChanges) {
  const auto before = contents_of(folder_);
  Config config = files_config();
  config.capabilities = {Capability::fs_read};
  config.allowed_paths = {PathRule(allowed()), PathRule(read_only())};
  Runtime runtime = runtime_for(config);
  const Result tour = run_guest(runtime, "file_tour", {allowed()});
  EXPECT_EQ(tour.exit_code, 1) << describe(tour);
  const Result escape = run_guest(runtime, "escape_files", {allowed(), read_only(), outside()});
  EXPECT_THAT(escape.stdout_data, Not(HasSubstr("ESCAPED"))) << describe(escape);
  EXPECT_EQ(contents_of(folder_), before);
}

TEST_F(HostileFiles, WithoutFsReadNothingIsRead) {
  Config config = files_config();
  config.capabilities = {Capability::fs_write};
  config.allowed_paths = {PathRule(allowed())};
  Runtime runtime = runtime_for(config);
  const Result result = run_guest(runtime, "cat", {allowed() + "/note.txt"});
  EXPECT_EQ(result.exit_code, 1) << describe(result);
  EXPECT_EQ(result.stdout_data, "");
}

TEST_F(HostileFiles, AnEmptyPolicyOpensNothing) {
  Runtime runtime = runtime_for(Config{});
  for (const std::string& path :
       {allowed() + "/note.txt", std::string("/etc/passwd"), std::string("/"), std::string(".")}) {
    const Result result = run_guest(runtime, "cat", {path});
    EXPECT_EQ(result.exit_code, 1) << path << ": " << describe(result);
    EXPECT_EQ(result.stdout_data, "") << path;
  }
}

TEST_F(HostileFiles, ADiskCannotBeFilled) {
  struct Case {
    const char* how;
    std::uint64_t most_writes;
  };
  Config config = files_config();
  config.max_files_created = 100;
  config.max_write_bytes = 4 * 1024 * 1024;  // 64 blocks of 64 KiB
  config.max_file_bytes = 64 * 1024 * 1024;
  config.timeout = std::chrono::seconds(60);
  Runtime runtime = runtime_for(config);
  for (const Case& attack : {Case{"files", 100}, Case{"bytes", 64}, Case{"sparse", 0},
                             Case{"appends", 64}, Case{"deleted", 64}}) {
    const std::string target = allowed() + "/" + attack.how;
    std::filesystem::create_directory(target);
    const Result result = run_guest(runtime, "disk_filler", {target, attack.how});
    EXPECT_EQ(result.status, Status::ok) << attack.how << ": " << describe(result);
    const std::uint64_t writes = std::strtoull(result.stdout_data.c_str(), nullptr, 10);
    EXPECT_LE(writes, attack.most_writes) << attack.how;
    EXPECT_GE(writes * 2, attack.most_writes)
        << attack.how << ": what is within the limit must work; " << describe(result);
    std::uint64_t bytes = 0;
    std::uint64_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(target)) {
      bytes += entry.file_size();
      ++files;
    }
    EXPECT_LE(bytes, config.max_write_bytes) << attack.how;
    EXPECT_LE(files, config.max_files_created) << attack.how;
  }
}

TEST_F(HostileFiles, OpenFilesAreBounded) {
  Config config = files_config();
  config.max_open_files = 40;
  Runtime runtime = runtime_for(config);
  const Result result = run_guest(runtime, "descriptor_flood", {allowed() + "/note.txt"});
  EXPECT_EQ(result.status, Status::ok) << describe(result);
  const int opened = std::atoi(result.stdout_data.c_str());
  EXPECT_GT(opened, 20) << describe(result);
  EXPECT_LE(opened, 40);
  // The next run has them all again.
  EXPECT_EQ(run_guest(runtime, "cat", {allowed() + "/note.txt"}).stdout_data, "note");
}

}  // namespace
}  // namespace omnisandbox::hostile
