#include "omnisandbox/host_functions.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "policy/path/path_test_folder.h"

namespace omnisandbox {
namespace {

// Records what it was asked to run: the contract between exec_run and a command sandbox is what is
// tested here.
class RecordingRunner final : public CommandRunner {
 public:
  Expected<Result> run(const Policy&, const CommandRequest& request,
                       std::chrono::steady_clock::time_point, std::stop_token) override {
    commands.push_back(request.command);
    Result result;
    result.status = Status::exited;
    result.exit_code = 3;
    return result;
  }
  std::vector<std::string> commands;
};

TEST(HostFunctions, AllFourUnderOnePolicy) {
  const policy::TestFolder folder;
  folder.write("in", "hello");
  const auto policy = Policy::compile({.capabilities = {Capability::fs_read, Capability::fs_write},
                                       .allowed_paths = {folder.path()}});
  ASSERT_TRUE(policy) << policy.error().message;
  auto functions = HostFunctions::create(*policy);
  ASSERT_TRUE(functions) << functions.error().message;
  EXPECT_EQ(functions->fs_read(folder.path("in")).value(), "hello");
  ASSERT_TRUE(functions->fs_write(folder.path("out"), "world"));
  EXPECT_EQ(functions->fs_read(folder.path("out")).value(), "world");

  EXPECT_EQ(functions->fs_read("/etc/passwd").error().kind, ErrorKind::denied);
  EXPECT_EQ(functions->http_fetch({.url = "https://example.com/"}).error().kind, ErrorKind::denied);
  EXPECT_EQ(functions->exec_run({.command = "ls"}).error().kind, ErrorKind::denied);
  EXPECT_EQ(functions->denial_count(), 3u);
  EXPECT_EQ(functions->denials()[0].resource, "/etc/passwd");
}

TEST(HostFunctions, FilesAreListedExaminedMadeAndDeleted) {
  const policy::TestFolder folder;
  folder.write("in", "hello");
  const auto policy = Policy::compile({.capabilities = {Capability::fs_read, Capability::fs_write},
                                       .allowed_paths = {folder.path()}});
  ASSERT_TRUE(policy) << policy.error().message;
  auto functions = HostFunctions::create(*policy, {.run_id = "first"});
  ASSERT_TRUE(functions) << functions.error().message;
  EXPECT_EQ(functions->run_id(), "first");
  EXPECT_EQ(functions->policy().config().allowed_paths.size(), 1u);

  EXPECT_EQ(functions->fs_stat(folder.path("in"))->size_bytes, 5u);
  ASSERT_TRUE(functions->fs_make_directory(folder.path("made")));
  const auto entries = functions->fs_list(folder.path());
  ASSERT_TRUE(entries) << entries.error().message;
  ASSERT_EQ(entries->size(), 2u);
  EXPECT_EQ(entries->at(1).name, "made");
  EXPECT_EQ(entries->at(1).type, FileType::directory);
  ASSERT_TRUE(functions->fs_delete(folder.path("in")));
  EXPECT_FALSE(folder.exists("in"));

  EXPECT_EQ(functions->fs_stat("/etc/passwd").error().kind, ErrorKind::denied);
  EXPECT_EQ(functions->fs_list("/etc").error().kind, ErrorKind::denied);
  EXPECT_EQ(functions->fs_make_directory("/etc/omnisandbox").error().kind, ErrorKind::denied);
  EXPECT_EQ(functions->fs_delete("/etc/passwd").error().kind, ErrorKind::denied);
  EXPECT_TRUE(std::filesystem::exists("/etc/passwd"));
  EXPECT_EQ(functions->denials().size(), 4u);

  // Another run takes the place of this one, with its own name and its own denials.
  functions = HostFunctions::create(*policy, {.run_id = "second"});
  ASSERT_TRUE(functions);
  HostFunctions moved = *std::move(functions);
  moved = HostFunctions::create(*policy, {.run_id = "third"}).value();
  EXPECT_EQ(moved.run_id(), "third");
  EXPECT_EQ(moved.denial_count(), 0u);
}

TEST(HostFunctions, ExecRunNeedsAPolicyAndASandbox) {
  const auto policy =
      Policy::compile({.capabilities = {Capability::exec_run}, .allowed_commands = {"true"}});
  ASSERT_TRUE(policy) << policy.error().message;
  auto bare = HostFunctions::create(*policy);
  EXPECT_EQ(bare->exec_run({.command = "true"}).error().kind, ErrorKind::unavailable);

  const auto runner = std::make_shared<RecordingRunner>();
  auto functions = HostFunctions::create(*policy, {.commands = runner});
  EXPECT_EQ(functions->exec_run({.command = "true"}).value().exit_code, 3);
  EXPECT_EQ(functions->exec_run({.command = "false"}).error().kind, ErrorKind::denied);
  EXPECT_EQ(functions->exec_run({.command = "./true"}).error().kind, ErrorKind::denied);
  EXPECT_EQ(runner->commands, std::vector<std::string>{"true"})
      << "nothing denied reached the sandbox";
}

}  // namespace
}  // namespace omnisandbox
