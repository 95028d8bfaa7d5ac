#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "omnisandbox/process_sandbox.h"

namespace omnisandbox {

/// A temporary folder, and runs under a policy over it.
class ProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "omnisandbox-process-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = std::filesystem::canonical(name);
    std::filesystem::create_directory(folder_ / "work");
    std::filesystem::create_directory(folder_ / "outside");
    write("work/inside.txt", "inside");
    write("outside/secret.txt", "secret of the host");
  }
  void TearDown() override {
    std::error_code problem;
    std::filesystem::remove_all(folder_, problem);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  std::string read(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(folder_ / name).rdbuf();
    return text.str();
  }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder_ / name); }

  /// Opens work/ for writing; lists the hostile program and `more`.
  Config config(std::vector<CommandRule> more = {}) const {
    Config config;
    config.capabilities = {Capability::exec_run, Capability::fs_read, Capability::fs_write};
    config.timeout = std::chrono::seconds(20);
    config.allowed_paths = {path("work")};
    config.allowed_commands = std::move(more);
    config.allowed_commands.emplace_back(hostile());
    return config;
  }
  static const char* hostile() { return OMNISANDBOX_HOSTILE_PROGRAM; }

  static Expected<Result> run(const Config& config, const std::string& command,
                              std::vector<std::string> args, ProcessRunOptions options = {}) {
    auto sandbox = ProcessSandbox::create(config);
    if (!sandbox) {
      return sandbox.error();
    }
    return sandbox->run(command, std::move(args), std::move(options));
  }
  /// A run that must start; its Result.
  static Result must_run(const Config& config, const std::string& command,
                         std::vector<std::string> args, ProcessRunOptions options = {}) {
    auto result = run(config, command, std::move(args), std::move(options));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *std::move(result) : Result{};
  }
  /// The hostile program tried `attack`, ended by itself, and nothing got through.
  Result attack(std::vector<std::string> args) const {
    const Result result = must_run(config(), hostile(), std::move(args));
    EXPECT_EQ(result.status, Status::ok) << result.stderr_data;
    EXPECT_THAT(result.stdout_data, testing::Not(testing::HasSubstr("ESCAPED")));
    return result;
  }

  std::filesystem::path folder_;
};

}  // namespace omnisandbox
