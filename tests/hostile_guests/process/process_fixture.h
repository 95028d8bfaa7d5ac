#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/test_effort.h"
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
  /// A copy of a program in a folder that nobody else may write; empty where this user may not.
  static std::string trusted_copy(const std::string& program, const std::string& name) {
    const std::string copy = std::string(OMNISANDBOX_HOSTILE_FOLDER) + "/" + name;
    std::error_code problem;
    std::filesystem::copy_file(program, copy, std::filesystem::copy_options::overwrite_existing,
                               problem);
    return problem ? std::string() : copy;
  }

  /// Descriptors, children, mounts, control groups and temporary folders of this process.
  static std::multiset<std::string> left_behind() {
    std::multiset<std::string> found;
    const auto add = [&found](const std::string& title, const std::string& file) {
      std::stringstream text;
      text << std::ifstream(file).rdbuf();
      if (!text.str().empty()) {  // a thread without children is nothing left behind
        found.insert(title + text.str());
      }
    };
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code problem;
      std::string target = std::filesystem::read_symlink(entry, problem).string();
      // A descriptor that was there before stays the same one when its file is removed.
      constexpr std::string_view removed = " (deleted)";
      if (target.ends_with(removed)) {
        target.resize(target.size() - removed.size());
      }
      found.insert("fd " + target);
    }
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
      add("children ", entry.path() / "children");
    }
    add("mounts ", "/proc/self/mountinfo");
    for (const char* place : {"/sys/fs/cgroup", "/tmp"}) {
      add_names(place, found);
    }
    return found;
  }
  /// Fails where something is there that was not before, and stays. Other tests run at the same
  /// time: what is theirs goes away.
  static void expect_nothing_left(const std::multiset<std::string>& before) {
    std::multiset<std::string> left;
    const auto now = left_behind();
    std::set_difference(now.begin(), now.end(), before.begin(), before.end(),
                        std::inserter(left, left.end()));
    for (int attempt = 0; attempt < 100 && !left.empty(); ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      const auto again = left_behind();
      std::erase_if(left, [&again](const std::string& one) { return !again.contains(one); });
    }
    EXPECT_THAT(left, testing::IsEmpty());
  }
  /// What OMNISANDBOX_MANY_RUNS says, or few.
  static int many_runs() {
    const char* chosen = std::getenv("OMNISANDBOX_MANY_RUNS");
    return chosen == nullptr ? test::rounds(60, 1'000) : std::atoi(chosen);
  }

  /// The hostile program tried `attack`, ended by itself, and nothing got through.
  Result attack(std::vector<std::string> args) const {
    const Result result = must_run(config(), hostile(), std::move(args));
    EXPECT_EQ(result.status, Status::ok) << result.stderr_data;
    EXPECT_THAT(result.stdout_data, testing::Not(testing::HasSubstr("ESCAPED")));
    return result;
  }

  std::filesystem::path folder_;

 private:
  // Of our own groups and folders: others may run at the same time, under names of their own.
  // Not by one recursive iterator: that ends where another test removes the folder that it is in.
  static void add_names(const std::filesystem::path& place, std::multiset<std::string>& found) {
    std::error_code problem;
    const bool is_groups = !place.native().starts_with("/tmp");
    for (auto entry = std::filesystem::directory_iterator(place, problem);
         !problem && entry != std::filesystem::directory_iterator(); entry.increment(problem)) {
      std::error_code gone;
      const std::string name = entry->path().filename().string();
      if (entry->is_symlink(gone) || !entry->is_directory(gone) ||
          (!is_groups && !name.starts_with("omnisandbox-"))) {
        continue;
      }
      struct stat status {};
      // As runs of commands name them; containers of other tests have groups as well.
      if (name.starts_with("omnisandbox-run-") && ::stat(entry->path().c_str(), &status) == 0 &&
          status.st_uid == ::geteuid()) {
        found.insert("folder " + entry->path().string());
      }
      add_names(entry->path(), found);
    }
  }
};

}  // namespace omnisandbox
